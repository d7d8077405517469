"""Raw trajectories: data/raw/NAME.npz, checked to the last array before anything is computed from it.

Keys: `trajectories` (n t d), d = 2 or 3, NaN-padded where ragged; `labels` (n), integers or strings; optional
`label_names` (k), `lengths` (n), `times` (n t), `groups` (n), `split` (n: train, test; other rows are left out). An
import adds `track_names` (n), what the user's file calls each track, and `import_notes` (j), what was done to points.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.files import memory
from trajprobe.files.reading import mend, read_npz
from trajprobe.files.tracks import by_blocks, padding

REQUIRED = ("trajectories", "labels")
OPTIONAL = ("label_names", "lengths", "times", "groups", "split")
#: Keys that an import writes, beside those of the user's file.
IMPORTED = ("track_names", "import_notes")
#: Coordinates and times at most: the square of one is a float32, in which features are.
LARGEST = 1e18
#: The least span of a track that moves: frames are divided by it, and the quotient must be finite.
SMALLEST = 1e-30
#: Copies of the coordinates as float64 that are in memory at once, about.
COPIES = 4
#: Letters of a class's name at most: longer ones are cut where they are shown.
LONGEST_NAME = 100
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Raw:
    """A checked data set; n tracks of at most t points."""

    trajectories: NDArray[np.float64]  #: (n t d), NaN where there is no point
    times: NDArray[np.float64]  #: (n t), NaN where there is no point
    labels: NDArray[np.int64]  #: (n), index in `label_names`
    label_names: NDArray[np.str_]  #: (k)
    groups: NDArray[np.int64]  #: (n), tracks that must be in one fold: indices in `group_names`
    group_names: NDArray[Any]  #: (g), integers or strings, as the file has them
    split: NDArray[np.str_] | None  #: (n), `train` or `test`
    rows: NDArray[np.int64]  #: (n), which rows of the file these are, counted from 0
    track_names: NDArray[np.str_]  #: (n), what the user's file calls each track; by default its row
    notes: tuple[str, ...]  #: what the reader should know: tracks left out, points changed, keys not used


def load(path: Path) -> Raw:
    """Reads and checks `path`; never unpickles.

    Raises:
        UserError: the file is missing, damaged, or not as the module says.
    """
    remedy = f"copy or save it again; where DVC holds it, {mend(path)}"
    arrays, unused = read_npz(path, REQUIRED, OPTIONAL + IMPORTED, "no such file", remedy)
    notes = tuple(_strings(path, arrays, "import_notes").tolist())
    if unused:
        notes += (f"not used: {visible_names(unused)} (the keys that are: {', '.join(REQUIRED + OPTIONAL)})",)
    return check(arrays, path, notes)


def check(arrays: Arrays, path: Path, notes: tuple[str, ...] = ()) -> Raw:
    """Judges the arrays of a data set, by the keys that the module lists; changes no point that a track has.

    Args:
        arrays: by key; `track_names` (n) are what messages call the tracks, by default their rows. Arrays of float64
            are taken over, not copied.
        path: what messages call the data set.
        notes: what the reader should know of it.

    Raises:
        UserError: an array is not as the module says.
    """
    points = arrays["trajectories"]
    if points.ndim != 3 or points.shape[2] not in (2, 3) or points.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: got `trajectories` {points.shape} of {points.dtype}, expected numbers (N, T, D), D = 2 or 3; "
            "transpose or rename the axes before saving"
        )
    memory.require(COPIES * 8 * points.size, str(path), "take fewer or shorter tracks, or a machine with more memory")
    points = points.astype(np.float64, copy=False)
    count, steps, _ = points.shape
    if not count:
        raise UserError(f"{path}: got no trajectory, expected at least one for each of two classes")
    shapes = dict.fromkeys(("labels", "lengths", "groups", "split", "track_names"), (count,))
    for key, shape in (shapes | {"times": (count, steps)}).items():
        if key in arrays and arrays[key].shape != shape:
            raise UserError(
                f"{path}: got `{key}` {arrays[key].shape}, expected {shape} to match `trajectories` {points.shape}"
            )
    times = _times(path, arrays.get("times"), points)
    lengths = _lengths(path, arrays.get("lengths"), points)
    no_point = padding(lengths, steps)
    points[no_point], times[no_point] = np.nan, np.nan
    rows = np.arange(count, dtype=np.int64)
    track_names = _strings(path, arrays, "track_names") if "track_names" in arrays else rows.astype(np.str_)
    _check_points(path, points, times, track_names)
    labels, names = classes(path, arrays["labels"], arrays.get("label_names"))
    if (longest := int(np.strings.str_len(names).max())) > LONGEST_NAME:
        raise UserError(f"{path}: got a class's name of {longest:,} characters, expected at most {LONGEST_NAME}")
    if "groups" in arrays and arrays["groups"].dtype.kind not in "iuU":
        raise UserError(f"{path}: got `groups` of {arrays['groups'].dtype}, expected integers or strings; use .astype")
    group_names, groups = np.unique(arrays.get("groups", np.arange(count)), return_inverse=True)
    split = arrays.get("split")
    if split is not None and split.dtype.kind != "U":
        raise UserError(f"{path}: got `split` of {split.dtype}, expected strings, train and test; use .astype(str)")
    groups = groups.astype(np.int64)
    raw = Raw(points, times, labels, names, groups, group_names, split, rows, track_names, notes)
    if split is None:
        _check_classes(path, raw)
        return raw
    for part in ("train", "test"):
        if part not in split:
            raise UserError(
                f"{path}: `split` has no `{part}` row; expected both train and test, or no "
                f"`split`; it holds {visible_names(np.unique(split))}"
            )
    keep = np.isin(split, ("train", "test"))
    return only(path, raw, keep, f"their split is {visible_names(np.unique(split[~keep]))}, not train or test")


def only(path: Path, raw: Raw, keep: NDArray[np.bool_], reason: str, remedy: str = "correct `split`") -> Raw:
    """The tracks where `keep` (n), with a note of how many are left out and the `reason`.

    `path` and `remedy` are for messages.

    Raises:
        UserError: what is left has one class, or a class that is tested and never trained on.
    """
    if not keep.all():
        note = f"{int((~keep).sum())} of {len(keep)} tracks left out: {reason}"
        names = ("trajectories", "times", "labels", "groups", "split", "rows", "track_names")
        per_track = {name: getattr(raw, name)[keep] for name in names if getattr(raw, name) is not None}
        raw = replace(raw, notes=(*raw.notes, note), **per_track)
    _check_classes(path, raw, remedy)
    return raw


def as_arrays(raw: Raw) -> Arrays:
    """`raw` as the arrays of the canonical file; what is as it is by default has no key."""
    arrays: Arrays = {
        "trajectories": raw.trajectories,
        "times": raw.times,
        "labels": raw.labels,
        "label_names": raw.label_names,
        "groups": raw.group_names[raw.groups],
    }
    if raw.split is not None:
        arrays["split"] = raw.split
    if (raw.track_names != np.arange(len(raw.labels)).astype(np.str_)).any():
        arrays["track_names"] = raw.track_names
    if raw.notes:
        arrays["import_notes"] = np.array(raw.notes)
    return arrays


def _strings(path: Path, arrays: Arrays, key: str) -> NDArray[np.str_]:
    """The strings (j) under `key`; none where there is no such key."""
    strings = arrays.get(key, np.empty(0, np.str_))
    if strings.dtype.kind != "U" or strings.ndim != 1:
        raise UserError(f"{path}: got `{key}` {strings.shape} of {strings.dtype}, expected strings in one dimension")
    return strings


def _check_classes(path: Path, raw: Raw, remedy: str = "") -> None:
    if len(np.unique(raw.labels)) < 2:
        only_one = visible_name(raw.label_names[raw.labels[0]])
        raise UserError(f"{path}: got one class ({only_one}), expected at least two")
    if raw.split is not None:
        missing = np.setdiff1d(raw.labels[raw.split == "test"], raw.labels[raw.split == "train"])
        if len(missing):
            name = visible_name(raw.label_names[missing[0]])
            raise UserError(f"{path}: class {name} has test tracks but no train track; {remedy}")


def _lengths(path: Path, lengths: NDArray[Any] | None, points: NDArray[np.float64]) -> NDArray[np.int64]:
    steps = points.shape[1]
    if lengths is None:
        return np.full(len(points), steps, dtype=np.int64)
    if lengths.dtype.kind not in "iu":
        raise UserError(f"{path}: got `lengths` of {lengths.dtype}, expected integers from 1 to {steps}")
    if lengths.min() < 1 or lengths.max() > steps:
        raise UserError(
            f"{path}: got `lengths` {lengths.min()} to {lengths.max()}, expected integers from 1 to {steps}"
        )
    return lengths.astype(np.int64)


def _times(path: Path, times: NDArray[Any] | None, points: NDArray[np.float64]) -> NDArray[np.float64]:
    if times is None:
        return np.broadcast_to(np.arange(points.shape[1], dtype=np.float64), points.shape[:2]).copy()
    if times.dtype.kind not in "fiu":
        raise UserError(f"{path}: got `times` of {times.dtype}, expected numbers (seconds, say)")
    return times.astype(np.float64, copy=False)


def _check_points(path: Path, points: NDArray[np.float64], times: NDArray[np.float64], names: NDArray[np.str_]) -> None:
    infinite = by_blocks(
        lambda of_points, of_times: np.isinf(of_points).any((1, 2)) | np.isinf(of_times).any(1), points, times
    )
    if infinite.any():
        track = visible_name(names[infinite][0])
        raise UserError(f"{path}: track {track} has an infinite value; expected numbers, NaN where there is no point")
    _check_range(path, points, names, "a coordinate")
    _check_range(path, times, names, "a time")
    finite = measured(points, times)
    short = finite.sum(1) < 2
    if short.any():
        raise UserError(
            f"{path}: {short.sum()} of {len(points)} tracks have fewer than 2 points that are not NaN (tracks "
            f"{visible_names(names[short], 5)}); leave them out: `trajprobe data import --min-points 2`"
        )
    axes = (points[..., axis] for axis in range(points.shape[2]))
    _check_spans(path, np.max([_spans(axis, finite) for axis in axes], axis=0), names, "space")
    _check_spans(path, _spans(times, finite), names, "time")


def measured(points: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where tracks (n t d) with `times` (n t) have a point: (n t)."""
    return by_blocks(lambda of_points, of_times: np.isfinite(of_points).all(2) & np.isfinite(of_times), points, times)


def _check_range(path: Path, values: NDArray[np.float64], names: NDArray[np.str_], what: str) -> None:
    """Raises UserError where one of `values` (n t ...) is so large that arithmetic with it overflows."""
    large = by_blocks(lambda block: (np.abs(block) > LARGEST).reshape(len(block), -1).any(1), values)
    if large.any():
        track = int(np.flatnonzero(large)[0])
        value = values[track][np.abs(values[track]) > LARGEST][0]
        raise UserError(
            f"{path}: track {visible_name(names[track])} has {what} of {value:g}, expected at most {LARGEST:g}, beyond "
            "which arithmetic overflows; is it a mark for a missing point? Use NaN for that, or divide all by the same "
            "number"
        )


def _spans(values: NDArray[np.float64], finite: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each track (n) reaches in `values` (n t), of the points that are `finite` (n t)."""
    return by_blocks(
        lambda block, real: np.where(real, block, -np.inf).max(1) - np.where(real, block, np.inf).min(1), values, finite
    )


def _check_spans(path: Path, spans: NDArray[np.float64], names: NDArray[np.str_], where: str) -> None:
    """Raises UserError where a track's span (n) is not zero, and too small to divide by."""
    small = np.flatnonzero((spans > 0) & (spans < SMALLEST))
    if len(small):
        raise UserError(
            f"{path}: {len(small)} of {len(spans)} tracks span less than {SMALLEST:g} in {where} (track "
            f"{visible_name(names[small[0]])}: {spans[small[0]]:g}), which arithmetic can't divide by; multiply all by "
            "the same number, or round to 0"
        )


def classes(
    path: object, labels: NDArray[Any], label_names: NDArray[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Labels as indices of names; integers keep their `label_names`, strings are their own names."""
    if labels.dtype.kind not in "iuU":
        raise UserError(f"{path}: got `labels` of {labels.dtype}, expected integers or strings; use .astype")
    if label_names is None:
        values, indices = np.unique(labels, return_inverse=True)
        return indices.astype(np.int64), values.astype(np.str_)
    if label_names.dtype.kind != "U" or label_names.ndim != 1:
        raise UserError(f"{path}: got `label_names` {label_names.shape} of {label_names.dtype}, expected strings (K,)")
    if len(np.unique(label_names)) < len(label_names):
        raise UserError(
            f"{path}: `label_names` holds a name twice ({visible_names(label_names)}); give each class its own"
        )
    if labels.dtype.kind == "U":
        unknown = np.setdiff1d(labels, label_names)
        if len(unknown):
            raise UserError(
                f"{path}: label {visible_name(unknown[0])} is not in `label_names` ({visible_names(label_names)})"
            )
        order = np.argsort(label_names)
        return order[np.searchsorted(label_names, labels, sorter=order)].astype(np.int64), label_names
    if labels.min() < 0 or labels.max() >= len(label_names):
        raise UserError(
            f"{path}: got `labels` {labels.min()} to {labels.max()}, expected 0 to {len(label_names) - 1}, "
            "the indices of `label_names`"
        )
    return labels.astype(np.int64), label_names
