"""Builds the page: one file that holds all it shows and asks for nothing, and the same bytes for the same results."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trajprobe.files.atomic import fresh_folder, write_bytes
from trajprobe.page import forest, theme, words
from trajprobe.page.contents import Draw, Material, Section, sections
from trajprobe.page.graphic import FONT, NARROW, WIDE, Graphic, font_file
from trajprobe.page.run_results import RunResults

HERE = Path(__file__).parent
PAGE, FIGURES = Path("data/report/report.html"), Path("data/report/figures")
#: Dots of a PNG for each pixel of a figure.
ZOOM = 2.5


@dataclass(frozen=True)
class Chart:
    """A figure of the page: for desktops, for phones, and as a file."""

    name: str
    wide: Markup
    narrow: Markup
    alone: str

    @classmethod
    def of(cls, name: str, draw: Draw, label: str) -> "Chart":
        alone = draw(WIDE, alone=True).svg(label)
        return cls(name, Markup(draw(WIDE).svg(label)), Markup(draw(NARROW).svg(label)), alone)  # noqa: S704

    @property
    def address(self) -> str:
        """Of the file, for a link that saves it."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.alone.encode()).decode('ascii')}"


def build(values: dict[str, Any]) -> str:
    """Writes the page and its figures for params.yaml (`values`); returns a line that says what was made.

    Raises:
        UserError: results, features or pictures are missing or damaged.
    """
    run = Material(RunResults.of(values), values)
    parts = list(sections(run))
    charts = {part.name: Chart.of(part.name, part.draw, f"{part.title}. {part.see}") for part in parts if part.draw}
    page = render(run, parts, charts)
    write_bytes(PAGE, page.encode())
    with fresh_folder(FIGURES) as temporary:
        for name, chart in charts.items():
            write_bytes(temporary / f"{name}.svg", chart.alone.encode())
            write_bytes(temporary / f"{name}.png", png(chart.alone))
    size = f"{len(page) / 1e6:.1f} MB, {len(parts)} sections"
    return f"{PAGE}: open it in a browser ({size}); {FIGURES}: {len(charts)} figures"


def render(run: Material, parts: Sequence[Section], charts: dict[str, Chart]) -> str:
    """The page."""
    results = run.results
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _code, "breakable": _breakable}
    script, style = _source("page.js"), _style(run, parts)
    glance = Chart.of("glance", partial(forest.glance, results), words.answer(results))
    return environment.get_template("page.html").render(
        results=results,
        words=words,
        sections=parts,
        charts=charts,
        glance=glance,
        legend=[(kind, meaning, _legend_mark(kind)) for kind, meaning in forest.MEANING.items()],
        style=Markup(style),  # noqa: S704 (ours; so is the script)
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
    )


def _code(text: str) -> Markup:
    """Text in which what stands in backticks is code. Names of others have no backticks (`errors.visible_name`)."""
    parts = text.split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def _breakable(name: str) -> Markup:
    """A name that may break behind its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


def _legend_mark(kind: str) -> Markup:
    graphic = Graphic(14)
    graphic.mark(7, 7, forest.MARK[kind], kind, 5)
    graphic.high = 14
    body = "".join(graphic.parts)
    return Markup(f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{body}</svg>')  # noqa: S704


def _source(name: str) -> str:
    return (HERE / "templates" / name).read_text(encoding="utf-8")


def _style(run: Material, parts: Sequence[Section]) -> str:
    """The sheet, with the colours, the number of frames of a strip, and what moves the blobs."""
    frames = len(run.facts[run.results.primary].shown)
    dark = theme.variables(dark=True)
    roots = (
        f":root{{--frames:{frames};{theme.variables(dark=False)}}}"
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}:root[data-theme=dark]{{{dark}}}"
        f"@media print{{:root:root:root{{{theme.variables(dark=False)}}}}}"
    )
    moving = "".join(track.style for part in parts for _, track in part.data.get("errors", ()))
    return roots + theme.rules(variable=True) + moving + _source("page.css")


def _policy(style: str, script: str) -> str:
    """Nothing but our own script and style runs, whatever a name holds, and nothing is asked for."""
    ours = f"style-src {_digest(style)}; script-src {_digest(script)}"
    return f"default-src 'none'; img-src data:; {ours}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def png(svg: str) -> bytes:
    """A figure as PNG, drawn with a font that is here whatever the machine has."""
    import resvg_py

    fonts = [str(font_file()), str(font_file("bold"))]
    drawn = resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, skip_system_fonts=True, font_files=fonts, font_family=FONT)
    return bytes(drawn)
