"""python docs/readme.py: draws the README's pictures anew, from the committed results of the default run.

The tokens are taken from data/pictures, which `dvc repro` makes; without it, from the picture that there is.
"""

import base64
import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from trajprobe.clips.scene import draw, framing, place
from trajprobe.clips.sections import rendering_of
from trajprobe.data import folds
from trajprobe.data.synthetic import NAMES
from trajprobe.files.atomic import write_bytes
from trajprobe.files.feature_shards import PERMUTED_WEIGHTS, PLAIN
from trajprobe.inspection.measures import SYNTHETIC, open_dataset
from trajprobe.page import forest
from trajprobe.page.graphic import SMALL, WIDE, Graphic, number, width
from trajprobe.page.run_results import DETAILS, Line, RunResults
from trajprobe.page.scales import Scale, percent
from trajprobe.params import read, section
from trajprobe.pictures.files import CODES, Pictures
from trajprobe.report.numbers import percent_interval

Video = NDArray[np.uint8]
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/pictures"
PIPELINE, SCORES = "pipeline.svg", "scores.svg"
#: The rows of the README's table, in its order, and the class whose clip is shown.
ROWS = ("magvit2-tiny", "transnetv2", "magvit2-tiny-shuffled", "pixels", "kinematics")
CLASS = "circular_clockwise"
#: Frames that are shown: one of each step of tokens.
FRAMES = (0, 4, 8, 12, 16)
#: Pixels: a frame, between frames, the heading's and the caption's line above and below a panel; columns of panels.
TILE, GAP, ABOVE, BELOW = 58.0, 5.0, 30.0, 18.0
TRACK, STRIPS, PROBE = 0.0, 186.0, 548.0
#: Around a figure.
MARGIN = 14.0


def results() -> tuple[RunResults, dict[str, Any]]:
    """The committed results and params.yaml."""
    values = read(ROOT / "params.yaml")
    return RunResults.of(values, ROOT / DETAILS), values


def few_rows(every: RunResults) -> RunResults:
    """The same without perturbations and without the rows that the README's table leaves out."""
    details = {
        row: {
            network: {PLAIN: inputs[PLAIN]}
            for network, inputs in networks.items()
            if network != PERMUTED_WEIGHTS and PLAIN in inputs
        }
        for row, networks in every.details.items()
        if row in ROWS
    }
    return replace(every, details={"data": every.details["data"], **details})


def scores(every: RunResults) -> str:
    """The forest plot."""
    return framed(forest.scores(few_rows(every), WIDE, alone=True), "Accuracy of each row of the default run")


def pipeline(every: RunResults, values: dict[str, Any], tokens: str) -> str:
    """From a track to the verdict; `tokens` is the address of their strip."""
    points, video = _clip(values)
    graphic = Graphic(WIDE, alone=True)
    second = ABOVE + TILE + BELOW + ABOVE + 14
    graphic.high = second + TILE + BELOW + 4
    row, form = values["rows"][every.primary], values["clips"][values["rows"][every.primary]["clips"]]
    side = graphic.high - ABOVE - BELOW - 4
    _panel(graphic, TRACK, 0, "1. Your trajectory", CLASS, side)
    graphic.text(TRACK, graphic.high - 22, f"{len(points)} points, of class", "quiet", size=SMALL)
    _track(graphic, points)
    size = f"{form['resolution']} x {form['resolution']}"
    _panel(graphic, STRIPS, 0, "2. A clip of it", f"{len(FRAMES)} of {form['frames']} frames of {size}", TILE)
    _strip(graphic, ABOVE, "clip", _address(video))
    _panel(graphic, STRIPS, second - ABOVE, "3. A frozen network", f"tokens of {row['weights']}, as colours", TILE)
    _strip(graphic, second, "tokens", tokens)
    _arrow(graphic, (STRIPS - 26, ABOVE + TILE / 2), (STRIPS - 8, ABOVE + TILE / 2))
    middle = STRIPS + (len(FRAMES) * (TILE + GAP) - GAP) / 2
    _arrow(graphic, (middle, ABOVE + TILE + BELOW + 2), (middle, second - 22))
    _arrow(graphic, (PROBE - 42, second + TILE / 2), (PROBE - 24, second + TILE / 2))
    _verdict(graphic, every)
    label = "A trajectory becomes a clip, a frozen network makes tokens of it, a probe on these decides"
    return framed(graphic, label)


def framed(graphic: Graphic, label: str) -> str:
    """A figure with room around it, so that no letter touches the edge of its light ground on a dark page."""
    wide, high = number(graphic.wide), number(graphic.high)
    svg, more = graphic.svg(label), (number(graphic.wide + 2 * MARGIN), number(graphic.high + 2 * MARGIN))
    start = f'x="-{MARGIN:g}" y="-{MARGIN:g}" '
    svg = svg.replace(f'viewBox="0 0 {wide} {high}"', f'viewBox="-{MARGIN:g} -{MARGIN:g} {more[0]} {more[1]}"', 1)
    return svg.replace(f'width="{wide}" height="{high}"', f'width="{more[0]}" height="{more[1]}"', 1).replace(
        f'<rect width="{wide}" height="{high}"', f'<rect {start}width="{more[0]}" height="{more[1]}"', 1
    )


def _panel(graphic: Graphic, x: float, y: float, title: str, caption: str, high: float) -> None:
    graphic.text(x, y + 18, title, bold=True)
    graphic.text(x, y + ABOVE + high + BELOW - 4, caption, "quiet", size=SMALL)


def _clip(values: dict[str, Any]) -> tuple[NDArray[np.float64], Video]:
    """The points of the first track of the class, x and y (t 2), and its shown frames, side by side (h w c)."""
    dataset = open_dataset(SYNTHETIC, values)
    params = section(values, folds.Prepare, "prepare")
    tracks, labelling = folds.prepare(folds.used(dataset.raw, params, dataset.path), params, dataset.name)
    first = int(np.flatnonzero(labelling.names[labelling.labels] == CLASS)[0])
    rendering = rendering_of(values, values["rows"]["magvit2-tiny"]["clips"])
    rows, frame = np.array([first]), framing(tracks, rendering.placement)
    video = draw(place(tracks[rows], frame, rendering, rows), rendering)[0, list(FRAMES)]
    points = tracks.points[first, : tracks.lengths[first], :2].astype(np.float64)
    return points, np.concatenate(list(video), axis=1)


def _track(graphic: Graphic, points: NDArray[np.float64], side: float = 132.0) -> None:
    """All points, larger than they are in the frame, from the first (a ring) to the last (a dot)."""
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / (high - low).max()
    x, y = TRACK + 6 + scaled[:, 0] * side, ABOVE + 4 + (scaled[:, 1].max() - scaled[:, 1]) * side
    placed = list(zip(x.tolist(), y.tolist(), strict=True))
    graphic.polyline(placed, "rule", 1.2)
    for at in placed[1:-1]:
        graphic.mark(*at, "circle", "quiet", 1.2)
    graphic.mark(*placed[0], "ring", "pretrained", 5)
    graphic.mark(*placed[-1], "circle", "pretrained", 5)


def _strip(graphic: Graphic, y: float, name: str, address: str) -> None:
    """Tiles side by side; each is cut out of a strip without gaps, which the file holds once."""
    image = f'<image id="{name}" href="{address}" width="{len(FRAMES)}" height="1" preserveAspectRatio="none"/>'
    graphic.parts.append(f"<defs>{image}</defs>")
    for place_of in range(len(FRAMES)):
        x = STRIPS + place_of * (TILE + GAP)
        where = f'x="{x:g}" y="{y:g}" width="{TILE:g}" height="{TILE:g}"'
        graphic.parts.append(f'<svg {where} viewBox="{place_of} 0 1 1"><use href="#{name}"/></svg>')


def _arrow(graphic: Graphic, start: tuple[float, float], end: tuple[float, float]) -> None:
    graphic.line(*start, *end, "quiet", 1.6)
    (x, y), down = end, start[0] == end[0]
    tips = [(x - 4, y - 5), (x, y), (x + 4, y - 5)] if down else [(x - 5, y - 4), (x, y), (x - 5, y + 4)]
    graphic.polyline(tips, "quiet", 1.6)


def _verdict(graphic: Graphic, every: RunResults) -> None:
    """What the probe reaches on the pretrained network and on random ones, and the difference."""
    graphic.text(PROBE, 18, "4. A probe: accuracy, %", bold=True)
    scale, y = Scale(0, 1, PROBE + 4, WIDE - 14), ABOVE + 8
    lines = [line for line in (every.main, every.baseline) if line]
    bottom = y + 46 * len(lines)
    for tick in (0.0, 0.5, 1.0):
        graphic.line(scale(tick), y, scale(tick), bottom, "grid")
        graphic.text(scale(tick), bottom + 14, percent(tick), "quiet", anchor="middle", size=SMALL)
    graphic.line(scale(every.chance), y, scale(every.chance), bottom, "quiet", stroke_dasharray="3 3")
    graphic.text(scale(every.chance) + 4, bottom - 3, "chance", "quiet", size=SMALL)
    for line in lines:
        _score(graphic, scale, y, line)
        y += 46
    if every.gain:
        graphic.text(PROBE, bottom + 42, f"pretrained minus random: {every.gain.verdict}", bold=True)
        graphic.text(PROBE, bottom + 60, f"{forest.points(every.gain.difference)} points")


def _score(graphic: Graphic, scale: Scale, y: float, line: Line) -> None:
    graphic.rect(PROBE, y, width(line.what) * forest.BOLD, 16, "paper")  # not crossed by the lines behind it
    graphic.text(PROBE, y + 12, line.what, line.kind, bold=True)
    graphic.text(WIDE, y + 12, percent_interval(line.score), anchor="end", halo=True)
    graphic.line(scale(line.score.ci_low), y + 26, scale(line.score.ci_high), y + 26, line.kind, 2.4)
    graphic.mark(scale(line.score.mean), y + 26, forest.MARK[line.kind], line.kind, 5)


def tokens_of_run() -> str | None:
    """The address of the strip of tokens, where this repository has it."""
    path = ROOT / Pictures.of("magvit2-tiny").token(CODES, str(NAMES.index(CLASS)))
    if not path.is_file():
        return None
    strip = np.array(Image.open(path).convert("RGB"))
    side = strip.shape[0]
    return _address(np.concatenate([strip[:, side * frame : side * (frame + 1)] for frame in FRAMES], axis=1))


def tokens_in(svg: str) -> str:
    """The address of the strip of tokens in the pipeline's picture: the last of its images."""
    return re.findall(r'href="(data:image/png;base64,[^"]+)"', svg)[-1]


def pixels(address: str) -> Video:
    """The image (h w c) of such an address."""
    data = base64.b64decode(address.partition(",")[2])
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def _address(strip: Video) -> str:
    """A strip of frames as an image in a line, each pixel four times so that it stays sharp."""
    buffer = io.BytesIO()
    Image.fromarray(strip.repeat(4, axis=0).repeat(4, axis=1)).save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def main() -> None:
    every, values = results()
    tokens = tokens_of_run() or tokens_in((FOLDER / PIPELINE).read_text(encoding="utf-8"))
    for name, svg in ((PIPELINE, pipeline(every, values, tokens)), (SCORES, scores(every))):
        write_bytes(FOLDER / name, svg.encode())
        sys.stdout.write(f"{FOLDER / name}: {len(svg):,} bytes\n")


if __name__ == "__main__":
    main()
