"""The picture of a data set: its tracks by class, numbers of its classes, and clips as the backbones see them.

Tracks and clips are placed by the code that renders clips, so that the picture shows what a run would see.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trajprobe.clips.scene import Framing, Places, check_memory, draw, framing, place
from trajprobe.clips.sections import Format, Placement, Rendering, rendering_of
from trajprobe.figures import style
from trajprobe.figures.style import HEADING, LABEL, QUIET, RULE, SMALL, TITLE, Sheet
from trajprobe.files.tracks import Tracks
from trajprobe.inspection.measures import DataSet, Measures, quantity
from trajprobe.inspection.refusals import check_ending, check_one_of
from trajprobe.params import section

WIDTH, EDGE, GAP = 10.0, 0.4, 0.12  #: of the sheet, of its margins, between panels; inches
#: Classes that are shown at most; tracks of a class.
CLASSES, TRACKS = 100, 40
#: Length of all lines of a panel together, as a multiple of the panel's side, and per inch of it: more is a black blob.
LINES = 18
#: Points that a drawn track is resampled to.
STEPS = 200
#: Inches of a frame of a clip at least: by the number of columns of strips.
TILE = {1: 0.5, 2: 0.4, 4: 0.34}


#: What `render` says of the tracks, in a caption.
SCALINGS = {
    "dataset": "all to one scale",
    "robust": "all to one scale, which cuts what reaches furthest",
    "none": "in their own units, from 0 to 1",
    "track": "each scaled to the frame",
}
TIMES = {"normalised": "", "duration": ", at fixed times", "arc_length": ", at equal steps of its path"}


@dataclass(frozen=True)
class _Camera:
    """Places tracks as clips do."""

    tracks: Tracks
    rendering: Rendering
    framing: Framing

    def places(self, rows: NDArray[np.int64], form: Format) -> Places:
        """Where some of the tracks (n) are in the frames of a format."""
        return place(self.tracks[rows], self.framing, replace(self.rendering, form=form), rows)

    @property
    def placement(self) -> Placement:
        return self.rendering.placement


@dataclass(frozen=True)
class Shown:
    """A class of the picture."""

    name: str
    colour: str
    rows: NDArray[np.int64]  #: its tracks


def save_picture(dataset: DataSet, values: dict[str, Any], form_name: str | None, path: Path) -> None:
    """Draws a data set to `path`.

    Args:
        dataset: the data set.
        values: all of params.yaml, which says how clips are drawn.
        form_name: the format of clips, by default the first one.
        path: a name that ends in .png or .svg.

    Raises:
        UserError: params.yaml has no such format, or the name ends otherwise.
    """
    check_ending(path, style.METADATA)
    formats = section(values, dict[str, Any], "clips")
    form_name = form_name or next(iter(formats))
    check_one_of("--clips", form_name, formats)
    rendering = rendering_of(values, form_name).by_first_camera
    check_memory(rendering, 1, f"params.yaml: `clips.{form_name}`")
    style.save(picture(dataset, rendering, form_name), path)


def picture(dataset: DataSet, rendering: Rendering, form_name: str) -> Figure:
    """Draws a data set; the same set and parameters give the same picture."""
    labels = np.unique(dataset.raw.labels)
    classes = [
        Shown(
            style.drawable(dataset.raw.label_names[label]),
            style.colour(place),
            np.flatnonzero(dataset.raw.labels == label),
        )
        for place, label in enumerate(labels[:CLASSES])
    ]
    with style.style():
        sheet, camera = Sheet(WIDTH), _Camera(dataset.tracks, rendering, framing(dataset.tracks, rendering.placement))
        below = _title(sheet, dataset, len(labels))
        below = _tracks(sheet, below, classes, camera)
        below = _numbers(sheet, below, dataset, classes)
        below = _clips(sheet, below, classes, camera, form_name)
        return sheet.finish(below + EDGE / 2)


def _title(sheet: Sheet, dataset: DataSet, classes: int) -> float:
    lengths = dataset.tracks.lengths
    points = f"{lengths.min():,}" + (f" to {lengths.max():,}" if np.ptp(lengths) else "")
    groups, split = len(np.unique(dataset.raw.groups)), dataset.raw.split
    facts = f"{len(lengths):,} tracks of {points} points in {dataset.tracks.points.shape[2]}-D, {classes:,} classes"
    if classes > CLASSES:
        facts += f" (the first {CLASSES} are shown)"
    facts += f", {groups:,} groups" if groups < len(lengths) else ", no groups"
    facts += f", {(split == 'train').sum():,} train and {(split == 'test').sum():,} test" if split is not None else ""
    sheet.text(EDGE, 0.55, style.drawable(dataset.name), TITLE, weight="bold")
    sheet.text(EDGE, 0.78, facts, LABEL, color=QUIET)
    return 0.95


def _heading(sheet: Sheet, top: float, heading: str, caption: str) -> float:
    sheet.text(EDGE, top + 0.3, heading, HEADING, weight="bold")
    sheet.text(EDGE, top + 0.46, caption, SMALL, color=QUIET)
    return top + 0.55


def _tracks(sheet: Sheet, top: float, classes: list[Shown], camera: _Camera) -> float:
    """Small multiples, a class each, all in the frame of the clips."""
    room = WIDTH - 2 * EDGE
    columns = len(classes) if len(classes) < 5 else 5 if len(classes) <= 20 else 8 if len(classes) <= 48 else 10
    side = min((room - (columns - 1) * GAP) / columns, 3.0)
    form = Format(frames=STEPS, resolution=1024)
    drawn = [_sample(shown, camera, form, side) for shown in classes]
    sampled = any(len(rows) < len(shown.rows) for rows, shown in zip(drawn, classes, strict=True))
    which = f"at most {max(map(len, drawn))} of a class, evenly through the file" if sampled else "all"
    view = f", view {camera.rendering.scene.cameras[0].view}" if camera.tracks.points.shape[2] == 3 else ""
    scaling = SCALINGS[camera.placement.scaling]
    below = _heading(sheet, top, "Tracks", f"{which}; a dot is the start; as clips show them: {scaling}{view}")
    for number, (shown, rows) in enumerate(zip(classes, drawn, strict=True)):
        left = EDGE + number % columns * (side + GAP)
        at = below + number // columns * (side + 0.26)
        count = f"{len(shown.rows):,}"
        _name(sheet, left, at + 0.13, shown.name, side - style.width(count, SMALL) - 0.08)
        sheet.text(left + side, at + 0.13, count, SMALL, color=QUIET, ha="right")
        axes = sheet.axes(left, at + 0.18, side, side)
        _panel(axes, form.resolution)
        _paths(axes, camera.places(rows, form).points, shown.colour, side)
    return below + math.ceil(len(classes) / columns) * (side + 0.26)


def _name(sheet: Sheet, left: float, top: float, name: str, width: float, **settings: Any) -> None:
    text, size = style.fitted(name, width, LABEL)
    sheet.text(left, top, text, size, **settings)


def _sample(shown: Shown, camera: _Camera, form: Format, side: float) -> NDArray[np.int64]:
    """As many tracks of a class as a panel has room for, evenly through the file."""
    rows = _even(shown.rows, TRACKS)
    paths = camera.places(rows, form).points / form.resolution
    length = np.sqrt(np.square(np.diff(paths, axis=1)).sum(axis=2)).sum(axis=1).mean()
    return _even(rows, int(np.clip(LINES * side / max(length, 1e-9), 4, TRACKS)))


def _even(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return rows if len(rows) <= count else rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def _panel(axes: Axes, resolution: int) -> None:
    axes.set(xlim=(-0.5, resolution - 0.5), ylim=(resolution - 0.5, -0.5), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE)


def _paths(axes: Axes, paths: NDArray[np.float64], colour: str, side: float) -> None:
    width = 0.3 + 0.28 * min(side, 2.0)  # points
    for path in paths:
        axes.plot(*path.T, color=colour, linewidth=width, alpha=0.55, solid_capstyle="round", solid_joinstyle="round")
    axes.plot(*paths[:, 0].T, "o", color=colour, markersize=2.4 * width, markeredgewidth=0)


def _numbers(sheet: Sheet, top: float, dataset: DataSet, classes: list[Shown]) -> float:
    """A line a class: how many tracks, and ranges of their numbers."""
    caption = "thin line: 90 % of the tracks of a class; thick: half of them; dot: median"
    if dataset.raw.split is not None:
        caption = f"of the bar, the full part is train, the pale one test; {caption}"
    below = _heading(sheet, top, "Classes", caption)
    columns = _columns(dataset.measures)
    names = min(2.0, 0.15 + max(style.width(shown.name, LABEL) for shown in classes))
    wide = (WIDTH - 2 * EDGE - names - 0.3 * len(columns)) / (len(columns) + 1)
    row = 0.19 if len(classes) <= 30 else 0.11
    tall = row * len(classes)
    size = LABEL if row > 0.15 else SMALL
    for number, shown in enumerate(classes):
        text, size_here = style.fitted(shown.name, names - 0.1, size)
        sheet.text(EDGE + names - 0.1, below + 0.2 + (number + 0.5) * row + 0.035, text, size_here, ha="right")
    for number, title in enumerate(["tracks", *columns]):
        left = EDGE + names + number * (wide + 0.3)
        sheet.text(left, below + 0.12, title, SMALL, color=QUIET)
        axes = sheet.axes(left, below + 0.2, wide, tall)
        axes.set_ylim(len(classes) - 0.5, -0.5)
        if number == 0:
            _bars(axes, dataset, classes)
        else:
            _ranges(axes, columns[title], classes, row)
        style.thin(axes, quantity)
    return below + 0.2 + tall + 0.3


def _columns(measures: Measures) -> dict[str, NDArray[np.float64]]:
    columns = {"points": measures.points.astype(np.float64)}
    if measures.has_times:
        columns["duration"] = measures.duration
    by = "duration" if measures.has_times else "steps"
    columns |= {"extent (longer side)": measures.extent, f"speed (path length / {by})": measures.speed}
    return {title: column for title, column in columns.items() if len(np.unique(column[np.isfinite(column)])) > 1}


def _bars(axes: Axes, dataset: DataSet, classes: list[Shown]) -> None:
    for number, shown in enumerate(classes):
        count = len(shown.rows)
        train = count if dataset.raw.split is None else int((dataset.raw.split[shown.rows] == "train").sum())
        axes.barh(number, count, 0.66, color=shown.colour, alpha=0.35, linewidth=0)
        axes.barh(number, train, 0.66, color=shown.colour, linewidth=0)
    axes.set_xlim(0)


def _ranges(axes: Axes, column: NDArray[np.float64], classes: list[Shown], row: float) -> None:
    for number, shown in enumerate(classes):
        finite = column[shown.rows][np.isfinite(column[shown.rows])]
        if not len(finite):
            continue
        low, quarter, median, three, high = np.quantile(finite, [0.05, 0.25, 0.5, 0.75, 0.95])
        axes.plot([low, high], [number] * 2, color=shown.colour, linewidth=0.7, solid_capstyle="butt")
        axes.plot([quarter, three], [number] * 2, color=shown.colour, linewidth=13 * row, solid_capstyle="butt")
        axes.plot(median, number, "o", color="white", markersize=13 * row, markeredgecolor=shown.colour)


def _clips(sheet: Sheet, top: float, classes: list[Shown], camera: _Camera, form_name: str) -> float:
    """Strips of frames: the first track of each class, drawn by the code that makes clips."""
    form, columns = camera.rendering.form, 1 if len(classes) <= 12 else 2 if len(classes) <= 30 else 4
    apart = 0.35
    room = (WIDTH - 2 * EDGE - (columns - 1) * apart) / columns
    names = min(0.15 + max(style.width(shown.name, LABEL) for shown in classes), room / (3 if columns < 4 else 4), 1.8)
    frames = min(form.frames, int((room - names) / TILE[columns]))
    tile = min((room - names) / frames, 1.2)
    times = np.linspace(0, form.frames - 1, frames).round().astype(np.int64)
    which = "all its frames" if frames == form.frames else f"{frames} of its {form.frames} frames"
    which += TIMES[camera.placement.time]
    caption = (
        f"format {form_name}, {form.resolution} x {form.resolution} pixels; the first track of each class, {which}"
    )
    below = _heading(sheet, top, "Clips", caption)
    rows = math.ceil(len(classes) / columns)
    for number, shown in enumerate(classes):
        left = EDGE + number // rows * (room + apart)
        at = below + number % rows * (tile + 0.04)
        _name(sheet, left + names - 0.1, at + tile / 2 + 0.035, shown.name, names - 0.1, ha="right")
        video = draw(camera.places(shown.rows[:1], form), camera.rendering)[0][times]
        axes = sheet.axes(left + names, at, tile * frames, tile)
        axes.set_axis_off()
        axes.imshow(_strip(video), interpolation="nearest", aspect="auto")
        if number % rows == rows - 1 or number == len(classes) - 1:
            for column, moment in enumerate(times):
                middle = left + names + (column + 0.48) * tile
                sheet.text(middle, at + tile + 0.12, str(moment + 1), SMALL, color=QUIET, ha="center")
    return 0.15 + below + rows * (tile + 0.04)


def _strip(video: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames (t h w c) side by side (h w c), white lines between; small ones enlarged, so that pixels stay sharp."""
    _, height, width, _ = video.shape
    enlarged = video.repeat(max(1, 96 // height), axis=1).repeat(max(1, 96 // width), axis=2)
    line = max(1, enlarged.shape[2] // 32)
    bordered = np.pad(enlarged, ((0, 0), (0, 0), (0, line), (0, 0)), constant_values=255)
    return np.concatenate(list(bordered), axis=1)
