"""How pictures look; and the same picture has the same bytes.

Nothing of the user's decides them: neither a matplotlibrc nor a font of the system (the font is matplotlib's own), no
screen, no date. Text is drawn as outlines, so that an SVG looks alike everywhere.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from trajprobe.errors import visible_name
from trajprobe.files.atomic import write_bytes
from trajprobe.inspection.refusals import check_ending

INK, QUIET, RULE = "#1a1a1a", "#6b6b6b", "#d0d0d0"
#: Paul Tol's palette "muted" (https://sros.nl/colour-schemes, 2021), which is told apart with any kind of colour
#: blindness; here sand and cyan are a little darker, since thin lines of theirs are lost on white, and a black is added
COLOURS = ("#332288", "#cc6677", "#117733", "#d9b34c", "#882255", "#44aa99", "#999933", "#aa4499", "#66b5e0", "#222222")
TITLE, HEADING, LABEL, SMALL, LEAST = 15.0, 9.5, 7.5, 6.5, 5.0  #: sizes of letters, points
FONT = "DejaVu Sans"
POINT = 1 / 72  #: inches
RC = {
    "figure.dpi": 160,
    "font.family": FONT,
    "font.size": LABEL,
    "text.color": INK,
    "text.hinting": "none",
    "text.parse_math": False,  # a name with two dollars is no formula
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "xtick.color": RULE,
    "xtick.labelcolor": QUIET,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "trajprobe",
}
#: Of files with each ending: no version, no date.
METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Creator": None, "Date": None}}


@contextmanager
def style() -> Iterator[None]:
    """In this block matplotlib draws as this module says, whatever the user's settings are."""
    with matplotlib.style.context(["default", RC]):
        yield


def save(figure: Figure, path: Path) -> None:
    """Writes a picture, as PNG or SVG by the ending of `path`; the same picture gives the same bytes."""
    ending, buffer = check_ending(path, METADATA), io.BytesIO()
    with style():
        figure.savefig(buffer, format=ending[1:], metadata=METADATA[ending])
    write_bytes(path, buffer.getvalue())


def colour(number: int) -> str:
    """The colour of a class. Those of more classes than there are colours repeat: names must stand beside them."""
    return COLOURS[number % len(COLOURS)]


def drawable(name: object) -> str:
    """A name that a file supplied, in letters that the font has; others become escapes."""
    return "".join(
        letter if get_font(font_file()).get_char_index(ord(letter)) else letter.encode("unicode_escape").decode()
        for letter in visible_name(name)
    )


def fitted(text: str, room: float, size: float) -> tuple[str, float]:
    """`text` and a size of letters at which it is at most `room` inches wide: smaller ones, then without its middle."""
    natural = width(text, size)
    if natural <= room:
        return text, size
    size = max(LEAST, size * room / natural)
    kept = len(text)
    shown = text
    while kept > 2 and width(shown, size) > room * 1.001:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    return shown, size


def width(text: str, size: float) -> float:
    """The width of a line in inches."""
    font = FontProperties(family=FONT, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) * POINT


@cache
def font_file() -> str:
    """The file of the font that all pictures have: matplotlib's own."""
    return findfont(FontProperties(family=FONT), fallback_to_default=False)


def thin(axes: Axes, quantity: Callable[[float], str], ticks: int = 4) -> None:
    """Axes that are but a thin line with few numbers below, written by `quantity`."""
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value))


class Sheet:
    """A picture that grows downwards: all places are inches from its top left corner."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.figure = Figure(figsize=(width, 1))
        self._boxes: list[tuple[Axes, float, float, float, float]] = []
        self._from_top = Affine2D()  # set by `finish`, when the height is decided
        self._to_pixels = self._from_top + self.figure.dpi_scale_trans

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """New axes with their corner at `left` and `top`."""
        axes = self.figure.add_axes((0, 0, 1, 1), label=str(len(self._boxes)))
        self._boxes.append((axes, left, top, width, height))
        return axes

    def text(self, left: float, top: float, text: str, size: float = LABEL, **settings: Any) -> Text:
        """A line of text, whose letters stand on `top`."""
        return self.figure.text(left, top, text, fontsize=size, transform=self._to_pixels, **settings)

    def finish(self, height: float) -> Figure:
        """The picture, `height` inches high."""
        self.figure.set_size_inches(self.width, height)
        self._from_top.scale(1, -1).translate(0, height)
        for axes, left, top, width, tall in self._boxes:
            axes.set_position((left / self.width, 1 - (top + tall) / height, width / self.width, tall / height))
        return self.figure
