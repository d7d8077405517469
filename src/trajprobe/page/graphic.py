"""Drawings as SVG, by hand: the page's figures, and the same ones for papers.

An element has classes for its colours. On the page these are variables, so that a figure follows light and dark; alone
it holds the light ones. A graphic has the width that it is made for: the page has one for desktops and one for phones.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font, LoadFlags

from trajprobe.page import theme

#: Letters are measured in a wide font, so that those of any other have room.
FONT = "DejaVu Sans"
SIZE, SMALL = 12.0, 10.5  #: of letters
#: Widths of a figure: on desktops and in papers, and on phones.
WIDE, NARROW = 800.0, 330.0
#: Drawings below this width put names above what they name.
PHONE = 500.0
ELLIPSIS = "…"


@cache
def font_file(weight: str = "normal") -> Path:
    """The font that figures of papers are drawn with; it comes with matplotlib."""
    return Path(findfont(FontProperties(family=FONT, weight=weight), fallback_to_default=False))


@cache
def _font() -> FT2Font:
    font = FT2Font(str(font_file()))
    font.set_size(100, 72)
    return font


@cache
def _advance(letter: str) -> float:
    """The width of a letter, as a share of its size; of one that the font lacks, that of a wide one."""
    if not _font().get_char_index(ord(letter)):
        return 1.1
    return float(_font().load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100


def has_letter(letter: str) -> bool:
    """Whether the font of papers has a letter."""
    return bool(_font().get_char_index(ord(letter)))


def width(text: str, size: float = SIZE) -> float:
    return size * sum(map(_advance, text))


def fitted(text: str, room: float, size: float = SIZE) -> str:
    """`text`, without its middle where it is wider than `room`."""
    if width(text, size) <= room:
        return text
    kept = len(text) - 1
    while kept > 2 and width(_without_middle(text, kept), size) > room:
        kept -= 1
    return _without_middle(text, kept)


def _without_middle(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}{ELLIPSIS}{text[len(text) - kept // 2 :]}"


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:z.1f}".removesuffix(".0")


class Graphic:
    """A figure that is `wide` pixels wide; its height is set once it is known."""

    def __init__(self, wide: float, *, alone: bool = False) -> None:
        self.wide, self.high, self.alone = wide, 0.0, alone
        self.parts: list[str] = []

    @property
    def is_narrow(self) -> bool:
        return self.wide < PHONE

    def name(self, text: str) -> str:
        """A name that a file supplied, in letters that the font has, where the graphic is to be drawn with it."""
        if not self.alone:
            return text
        return "".join(
            letter if has_letter(letter) else letter.encode("unicode_escape").decode("ascii") for letter in text
        )

    def add(self, element: str, classes: str = "", title: str = "", /, **attributes: float | str) -> None:
        """An element; `_` in the names of attributes is `-`. `title` is shown where a pointer rests on it."""
        written = "".join(
            f' {key.replace("_", "-")}="{number(value) if isinstance(value, float | int) else escape(value)}"'
            for key, value in attributes.items()
        )
        named = f' class="{classes}"' if classes else ""
        inside = f"><title>{escape(title)}</title></{element}>" if title else "/>"
        self.parts.append(f"<{element}{named}{written}{inside}")

    def line(
        self, x1: float, y1: float, x2: float, y2: float, role: str, wide: float = 1, /, **more: float | str
    ) -> None:
        thick: dict[str, float | str] = {"stroke_width": wide} if wide != 1 else {}
        self.add("line", f"s-{role}", x1=x1, y1=y1, x2=x2, y2=y2, **thick, **more)

    def rect(self, x: float, y: float, wide: float, high: float, role: str) -> None:
        self.add("rect", f"f-{role}", x=x, y=y, width=wide, height=high)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        role: str = "ink",
        *,
        anchor: str = "start",
        size: float = SIZE,
        bold: bool = False,
        room: float | None = None,
        halo: bool = False,
        **more: str,
    ) -> None:
        """A line of text, whose letters stand on `y`; cut to `room` pixels, and then whole in its title.

        With a `halo` it can be read above lines.
        """
        text = self.name(text)
        shown = text if room is None else fitted(text, room, size * (1.08 if bold else 1))
        written = f' x="{number(x)}" y="{number(y)}"'
        written += f' text-anchor="{anchor}"' if anchor != "start" else ""
        written += f' font-size="{size:g}"' if size != SIZE else ""
        written += ' font-weight="600"' if bold else ""
        written += "".join(f' {key}="{escape(value)}"' for key, value in more.items())
        title = f"<title>{escape(text)}</title>" if shown != text else ""
        around = " halo" if halo else ""
        self.parts.append(f'<text class="f-{role}{around}"{written}>{title}{escape(shown)}</text>')

    def mark(
        self, x: float, y: float, kind: str, role: str, radius: float = 4.5, title: str = "", /, **more: float | str
    ) -> None:
        """A mark of one of the shapes circle, ring, square and diamond."""
        if kind == "square":
            side = 1.7 * radius
            self.add("rect", f"f-{role}", title, x=x - side / 2, y=y - side / 2, width=side, height=side, **more)
        elif kind == "diamond":
            half = number(1.2 * radius)
            d = f"M{number(x)} {number(y - 1.2 * radius)}l{half} {half} -{half} {half} -{half} -{half}z"
            self.add("path", f"f-{role}", title, d=d, **more)
        elif kind == "ring":
            self.add("circle", f"f-paper s-{role}", title, cx=x, cy=y, r=radius - 0.75, stroke_width=1.8)
        else:
            self.add("circle", f"f-{role}", title, cx=x, cy=y, r=radius, **more)

    def polyline(self, points: Sequence[tuple[float, float]], role: str, wide: float, /, **more: float | str) -> None:
        drawn = {"points": _pairs(points), "fill": "none", "stroke_linejoin": "round"}
        self.add("polyline", f"s-{role}", stroke_width=wide, **drawn, **more)

    def area(self, points: Iterable[tuple[float, float]], role: str, opacity: float) -> None:
        self.add("polygon", f"f-{role}", points=_pairs(points), fill_opacity=f"{opacity:g}")

    def svg(self, label: str) -> str:
        """The figure as an element of the page, or as a file of its own; `label` says what it shows."""
        box = f'viewBox="0 0 {number(self.wide)} {number(self.high)}"'
        if not self.alone:
            return f'<svg {box} role="img" aria-label="{escape(label)}">{"".join(self.parts)}</svg>'
        style = f"text{{font-family:'{FONT}',Helvetica,Arial,sans-serif}}{theme.rules(variable=False)}"
        ground = f'<rect width="{number(self.wide)}" height="{number(self.high)}" class="f-paper"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} width="{number(self.wide)}" height="{number(self.high)}" '
            f'font-size="{SIZE:g}"><title>{escape(label)}</title><style>{style}</style>{ground}{"".join(self.parts)}'
            "</svg>\n"
        )


def _pairs(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)
