"""A data set as a page for the terminal: what is in it, what was done to it on import, what the guards find.

`facts` has all of it, in plain values for a script; `page` says them in words and columns.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips.render import ClipMaker, ClipWork
from trajprobe.clips.sections import rendering_of
from trajprobe.data import folds, guards
from trajprobe.data.raw_file import RawFile, several
from trajprobe.errors import UserError, visible_name
from trajprobe.files import imported
from trajprobe.inspection.listing import Listing
from trajprobe.inspection.measures import SYNTHETIC, DataSet, Measures, quantity
from trajprobe.params import section

Facts = dict[str, Any]
#: Classes that the page lists at most.
CLASSES = 40
#: Letters of a line of prose.
WIDTH = 100
#: In place of a guard's name, where `prepare` refuses the whole set.
REFUSED = "refused"


def facts(dataset: DataSet, values: dict[str, Any]) -> Facts:
    """All that the page says. `values` is all of params.yaml: it has the folds, and the set that the next run uses.

    A range has `least`, `median` and `most` of finite values; it is None where there are none.
    """
    measures, data = dataset.measures, dataset.raw
    used = section(values, str, "dataset")
    drawn = dataset.name == SYNTHETIC
    return {
        "name": dataset.name,
        "path": None if drawn else str(dataset.path),
        "origin": "drawn as params.yaml says" if drawn else imported.recorded_origin(dataset.path) or "a file",
        "used": dataset.name == used,
        "params_yaml_uses": used,
        "tracks": len(data.labels),
        "points": [int(dataset.tracks.lengths.min()), int(dataset.tracks.lengths.max())],
        "dimensions": data.trajectories.shape[2],
        "ranges": _ranges(dataset, measures),
        "longest_step_is_in_track": str(data.track_names[measures.longest_step.argmax()]),
        "speed_is_per": "duration" if measures.has_times else "step",
        "classes": list(_classes(dataset, measures)),
        **_independence(dataset),
        "import": list(data.notes),
        "guards": list(_findings(dataset, values)),
    }


def page(of: Facts) -> Iterator[str | Listing]:
    """The page of such facts: lines, and columns between them."""
    counts = np.array([each["tracks"] for each in of["classes"]])
    points = f"{span(of['points'])} points in {of['dimensions']}-D"
    yield f"{of['name']}: {of['tracks']:,} tracks of {points}, {len(counts):,} classes"
    origin = of["origin"] if of["path"] is None else f"{of['path']}, imported from {visible_name(of['origin'])}"
    yield f"{origin}; params.yaml uses {'it' if of['used'] else visible_name(of['params_yaml_uses'])}\n"
    meanings = {
        "speed": "path length / " + ("duration" if of["speed_is_per"] == "duration" else "steps"),
        "longest_step": f"the longest of all is in track {visible_name(of['longest_step_is_in_track'])}",
        "extent": "longer side of the box around a track",
    } | dict.fromkeys("xyz", "of all points")
    rows = [[_words(name), *_shown(ends), meanings.get(name, "")] for name, ends in of["ranges"].items()]
    yield Listing(["", "least", "median", "most", ""], rows, (1, 2, 3))
    medians = list(of["classes"][0]["medians"])
    rows = [
        [visible_name(each["name"]), f"{each['tracks']:,}", *(_digits(each["medians"][name]) for name in medians)]
        for each in of["classes"][:CLASSES]
    ]
    yield ""
    yield Listing(["class", "tracks", *map(_words, medians)], rows, range(1, 2 + len(medians)))
    more = f"{len(counts) - CLASSES:,} more classes; " if len(counts) > CLASSES else ""
    yield f"{more}a class has {span([counts.min(), counts.max()])} tracks; other columns are medians"
    found = [
        "this would stop a run: " * (each["stops_a_run"] and each["name"] != REFUSED) + each["text"]
        for each in of["guards"]
    ]
    for title, lines in {
        "groups and split": list(_independence_in_words(of)),
        "import": of["import"] or ["nothing was changed or left out"],
        "guards": found or ["no findings"],
    }.items():
        yield "\n".join(["", title, *_items(lines)])


def span(ends: Sequence[int]) -> str:
    """The least and the largest of some counts."""
    return f"{ends[0]:,}" + (f" to {ends[1]:,}" if ends[0] != ends[1] else "")


def _ranges(dataset: DataSet, measures: Measures) -> dict[str, dict[str, float] | None]:
    columns: dict[str, NDArray[Any]] = {"points": measures.points}
    if measures.has_times:
        columns["duration"] = measures.duration
    columns |= {
        "path_length": measures.length,
        "speed": measures.speed,
        "longest_step": measures.longest_step,
        "extent": measures.extent,
    }
    real = np.isfinite(dataset.raw.trajectories).all(axis=2)
    columns |= {
        letter: dataset.raw.trajectories[..., axis][real]
        for axis, letter in enumerate("xyz"[: dataset.raw.trajectories.shape[2]])
    }
    return {name: _range(column) for name, column in columns.items()}


def _range(column: NDArray[Any]) -> dict[str, float] | None:
    finite = column[np.isfinite(column)]
    if not len(finite):
        return None
    return dict(zip(("least", "median", "most"), np.quantile(finite, [0, 0.5, 1]).tolist(), strict=True))


def _shown(ends: dict[str, float] | None) -> list[str]:
    return [quantity(value) for value in ends.values()] if ends else ["-"] * 3


def _digits(value: float | None) -> str:
    return "-" if value is None else quantity(value)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _classes(dataset: DataSet, measures: Measures) -> Iterator[Facts]:
    times = {"duration": measures.duration} if measures.has_times else {}
    columns = {"points": measures.points, **times, "path_length": measures.length, "speed": measures.speed,
               "extent": measures.extent}  # fmt: skip
    for label in np.unique(dataset.raw.labels):
        chosen = dataset.raw.labels == label
        ranges = {name: _range(column[chosen]) for name, column in columns.items()}
        yield {
            "name": str(dataset.raw.label_names[label]),
            "tracks": int(chosen.sum()),
            "medians": {name: ends["median"] if ends else None for name, ends in ranges.items()},
        }


def _independence(dataset: DataSet) -> Facts:
    """Groups and split, None where the set has none; and what is missing inside tracks."""
    counts = np.unique(dataset.raw.groups, return_counts=True)[1]
    split, gaps = dataset.raw.split, dataset.measures.gaps
    return {
        "groups": None
        if counts.max() == 1
        else {"count": len(counts), "tracks": [int(counts.min()), int(counts.max())]},
        "split": None if split is None else {name: int((split == name).sum()) for name in ("train", "test")},
        "missing": {"points": int(gaps.sum()), "tracks": int((gaps > 0).sum())},
    }


def _independence_in_words(of: Facts) -> Iterator[str]:
    """Groups and split."""
    if groups := of["groups"]:
        yield f"{groups['count']:,} groups of {span(groups['tracks'])} tracks"
    else:
        yield "no groups: each track is its own"
    if split := of["split"]:
        yield f"its own split: {split['train']:,} train, {split['test']:,} test"
    else:
        yield "no split: folds are drawn"
    if (missing := of["missing"])["points"]:
        yield (
            f"{several(missing['points'], 'missing point')} inside {several(missing['tracks'], 'track')}: crossed in a "
            "straight line"
        )


def _findings(dataset: DataSet, values: dict[str, Any]) -> Iterator[Facts]:
    """What the stages `prepare` and `render` would say of the set, and of its clips in each format.

    Where `prepare` refuses it, what needs no folds is said all the same.
    """
    params, drawing, tracks = section(values, folds.Prepare, "prepare"), guards.Drawing.of(values), dataset.tracks
    try:
        source = folds.used(dataset.raw, params, dataset.path)
        tracks, labelling = folds.prepare(source, params, dataset.name)
        found = list(guards.findings(source, tracks, labelling, drawing, str(dataset.path)))
    except UserError as error:
        text = f"the stage `prepare` refuses it: {error}"
        yield {"name": REFUSED, "text": text, "stops_a_run": True, "items": []}
        found = list(guards.of_points(tracks, drawing, RawFile(str(dataset.path), dataset.raw.rows)))
    for name in section(values, dict[str, Any], "clips"):
        work = ClipWork(dataset.path, rendering_of(values, name))
        found += ClipMaker(work, tracks).survey(name)[1]
    for finding in found:
        if finding.name != "note":  # of the import, which stand above
            stops = finding.grave and params.guards == "stop"
            items = [item if isinstance(item, str) else list(item) for item in finding.items]
            yield {"name": finding.name, "text": _shortened(finding.text), "stops_a_run": stops, "items": items}


def _shortened(text: str) -> str:
    """A finding's text, whose file with all of a list the stages write, and nothing here does."""
    return re.sub(r"( and [\d,]+ more), in data/[\w/.-]+\.json", r"\1, all with --json", text)


def _items(lines: Sequence[str] | Iterator[str]) -> list[str]:
    return [
        textwrap.fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False,
                      break_long_words=False) for line in lines
    ]  # fmt: skip
