"""A data set as a page for the terminal: what is in it, what was done to it on import, what the guards find."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips.render import ClipMaker, ClipWork
from trajprobe.clips.sections import rendering_of
from trajprobe.data import folds, guards
from trajprobe.data.raw_file import RawFile
from trajprobe.errors import UserError, visible_name
from trajprobe.files import imported
from trajprobe.inspection.measures import SYNTHETIC, DataSet, Measures, quantity
from trajprobe.params import section

#: Classes that the page lists at most.
CLASSES = 40
#: Letters of a line of prose.
WIDTH = 100


def page(dataset: DataSet, values: dict[str, Any]) -> str:
    """The page. `values` is all of params.yaml: it has the folds, and the data set that the next run uses."""
    measures = dataset.measures
    parts = [
        [*_origin(dataset, section(values, str, "dataset"))],
        _aligned(["", "least", "median", "most"], list(_ranges(dataset, measures))),
        _aligned(["class", "tracks", *_medians(measures)], list(_classes(dataset, measures)), _more(dataset)),
        ["groups and split", *_items(_independence(dataset))],
        ["import", *_items(dataset.raw.notes or ["nothing was changed or left out"])],
        ["guards", *_items(list(_findings(dataset, values)) or ["no findings"])],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def span(counts: NDArray[np.int64]) -> str:
    """The least and the largest of some counts (n)."""
    return f"{counts.min():,} to {counts.max():,}" if np.ptp(counts) else f"{counts[0]:,}"


def _origin(dataset: DataSet, used: str) -> Iterator[str]:
    data, lengths = dataset.raw, dataset.tracks.lengths
    yield (
        f"{dataset.name}: {len(lengths):,} tracks of {span(lengths)} points in {data.trajectories.shape[2]}-D, "
        f"{len(np.unique(data.labels)):,} classes"
    )
    if dataset.name == SYNTHETIC:
        origin = "drawn as params.yaml says"
    else:
        origin = f"{dataset.path}, imported from {visible_name(imported.recorded_origin(dataset.path) or 'a file')}"
    yield f"{origin}; params.yaml uses {'it' if dataset.name == used else visible_name(used)}"


def _ranges(dataset: DataSet, measures: Measures) -> Iterator[list[str]]:
    rows: list[tuple[str, NDArray[Any], str]] = [("points", measures.points, "")]
    if measures.has_times:
        rows.append(("duration", measures.duration, ""))
    rows += [
        ("path length", measures.length, ""),
        ("speed", measures.speed, "path length / " + ("duration" if measures.has_times else "steps")),
        ("longest step", measures.longest_step, f"the longest of all is in track {_worst(dataset, measures)}"),
        ("extent", measures.extent, "longer side of the box around a track"),
    ]
    for name, column, meaning in rows:
        yield [name, *_quantiles(column), meaning]
    real = np.isfinite(dataset.raw.trajectories).all(axis=2)
    for axis, letter in enumerate("xyz"[: dataset.raw.trajectories.shape[2]]):
        yield [letter, *_quantiles(dataset.raw.trajectories[..., axis][real]), "of all points"]


def _worst(dataset: DataSet, measures: Measures) -> str:
    return visible_name(dataset.raw.track_names[measures.longest_step.argmax()])


def _quantiles(column: NDArray[Any]) -> list[str]:
    finite = column[np.isfinite(column)]
    return [quantity(q) for q in np.quantile(finite, [0, 0.5, 1])] if len(finite) else ["-"] * 3


def _medians(measures: Measures) -> dict[str, NDArray[Any]]:
    """The columns of the table of classes."""
    times = {"duration": measures.duration} if measures.has_times else {}
    return {"points": measures.points, **times, "path length": measures.length, "speed": measures.speed,
            "extent": measures.extent}  # fmt: skip


def _classes(dataset: DataSet, measures: Measures) -> Iterator[list[str]]:
    for label in np.unique(dataset.raw.labels)[:CLASSES]:
        chosen = dataset.raw.labels == label
        medians = (_quantiles(column[chosen])[1] for column in _medians(measures).values())
        yield [visible_name(dataset.raw.label_names[label]), f"{int(chosen.sum()):,}", *medians]


def _more(dataset: DataSet) -> str:
    counts = np.unique(dataset.raw.labels, return_counts=True)[1]
    more = f"{len(counts) - CLASSES:,} more classes; " if len(counts) > CLASSES else ""
    return f"{more}a class has {span(counts)} tracks; other columns are medians"


def _independence(dataset: DataSet) -> Iterator[str]:
    counts = np.unique(dataset.raw.groups, return_counts=True)[1]
    if counts.max() == 1:
        yield "no groups: each track is its own"
    else:
        yield f"{len(counts):,} groups of {span(counts)} tracks"
    if dataset.raw.split is None:
        yield "no split: folds are drawn"
    else:
        train = int((dataset.raw.split == "train").sum())
        yield f"its own split: {train:,} train, {len(dataset.raw.split) - train:,} test"
    gaps = dataset.measures.gaps
    if gaps.any():
        yield f"{gaps.sum():,} points inside {int((gaps > 0).sum()):,} tracks are missing: crossed in a straight line"


def _findings(dataset: DataSet, values: dict[str, Any]) -> Iterator[str]:
    """What the stages `prepare` and `render` would say of the set, and of its clips in each format.

    Where `prepare` refuses it, what needs no folds is said all the same.
    """
    params, drawing, tracks = section(values, folds.Prepare, "prepare"), guards.Drawing.of(values), dataset.tracks
    try:
        source = folds.used(dataset.raw, params, dataset.path)
        tracks, labelling = folds.prepare(source, params, dataset.name)
        found = list(guards.findings(source, tracks, labelling, drawing, str(dataset.path)))
    except UserError as error:
        yield f"the stage `prepare` refuses it: {error}"
        found = list(guards.of_points(tracks, drawing, RawFile(str(dataset.path), dataset.raw.rows)))
    for name in section(values, dict[str, Any], "clips"):
        work = ClipWork(dataset.path, rendering_of(values, name))
        found += ClipMaker(work, tracks).survey(name)[1]
    for finding in found:
        if finding.name != "note":  # of the import, which stand above
            yield "this would stop a run: " * (finding.grave and params.guards == "stop") + finding.text


def _items(lines: Sequence[str] | Iterator[str]) -> list[str]:
    return [
        textwrap.fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False,
                      break_long_words=False) for line in lines
    ]  # fmt: skip


def _aligned(header: list[str], rows: list[list[str]], below: str = "") -> list[str]:
    """A table: the first column to the left, the next ones to the right, and what is beyond the header as it is."""
    columns = len(header)
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(columns)]
    lines = []
    for row in [header, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(row[1:columns], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells, *row[columns:]]).rstrip())
    return [*lines, *([below] if below else [])]
