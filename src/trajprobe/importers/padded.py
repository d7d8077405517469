"""Arrays with a row a track, padded where tracks are ragged: as numpy, MATLAB and HDF5 files hold them."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from einops import EinopsError, rearrange
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray

from trajprobe.data.raw import COPIES, Arrays
from trajprobe.errors import UserError, visible_name
from trajprobe.files import memory
from trajprobe.files.tracks import blocks
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: The order of a data set's axes: tracks, points, coordinates.
AXES = "n t d"
#: Tracks with all of their points in one axis, a point's coordinates together or not; of d coordinates, or of 2 or 3.
FLAT = re.compile(r"n \((?:t ([d23])|([d23]) t)\)")
#: What arrays of labels are mostly called.
LABELS = ("y", "label", "target", "targets", "class", "classes")


def named(options: ImportOptions, keys_of_file: Collection[str]) -> dict[str, str]:
    """The keys that the options name, by that of a data set that they stand for.

    With a second table, the labels are its; and its are those names of groups and split that the file does not have.
    """
    keys = {
        "trajectories": options.trajectories,
        "labels": None if options.on else options.labels or options.label,
        "times": options.time,
        "groups": options.group,
        "split": options.split,
    }
    elsewhere = ("groups", "split") if options.on else ()
    return {role: key for role, key in keys.items() if key and (key in keys_of_file or role not in elsewhere)}


def coordinates(options: ImportOptions) -> tuple[str, ...]:
    """The keys of x, y and z (n t), where the options name an array for each."""
    return tuple(key for key in (options.x, options.y, options.z) if key)


def stacked(arrays: Sequence[NDArray[Any]], keys: Sequence[str], path: Path) -> NDArray[Any]:
    """One array of points, or several of a coordinate each (n t), as one whose last axis is the coordinates."""
    if len(arrays) == 1:
        return arrays[0]
    if len({array.shape for array in arrays}) > 1:
        shapes = ", ".join(f"{visible_name(key)} {array.shape}" for key, array in zip(keys, arrays, strict=True))
        raise UserError(f"{path}: got coordinates of different shapes ({shapes}), expected one shape (N, T)")
    return np.stack(arrays, axis=-1)


def table(arrays: Arrays, path: Path, options: ImportOptions, notes: tuple[str, ...] = ()) -> PointTable:
    """Arrays under the keys of a data set, as a table: what is NaN from some point on to the end of a track is padding.

    Args:
        arrays: `trajectories`, of three axes in the order of `--axes`, and others of raw.REQUIRED and raw.OPTIONAL.
        path: the file, for messages.
        options: of which `axes` is used.
        notes: what the file's reader has to say.

    Raises:
        UserError: the points are no numbers, or their axes are in another order.
    """
    points, guesses = _points(arrays["trajectories"], path, options)
    memory.require(COPIES * 8 * points.size, str(path), "take fewer or shorter tracks, or a machine with more memory")
    count, steps, _ = points.shape
    lengths = np.full(count, steps)
    if (given := arrays.get("lengths")) is not None:
        given = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
        if (
            given.shape != (count,)
            or given.dtype.kind not in "iuf"
            or not np.isin(given, np.arange(1, steps + 1)).all()
        ):
            raise UserError(
                f"{path}: got `lengths` {given.shape} of {given.dtype}, expected {count} integers from 1 to {steps}"
            )
        lengths = given.astype(np.int64)
    times = arrays.get("times")
    if times is not None:
        times = _times(times, (count, steps), path)
    for key in ("labels", "groups", "split"):
        if key in arrays and len(np.atleast_1d(arrays[key])) != count:
            raise UserError(
                f"{path}: got `{key}` {arrays[key].shape}, expected ({count},) to match `trajectories` {points.shape}"
            )
    real = np.isfinite(points).any(2) if points.dtype.kind == "f" else np.ones(points.shape[:2], np.bool_)
    behind = steps - np.argmax(real[:, ::-1], axis=1) if steps else lengths
    kept = np.arange(steps) < np.minimum(lengths, np.where(real.any(1), behind, 0))[:, None]
    flat = points.reshape(-1, points.shape[2]) if kept.all() else points[kept]
    return PointTable(
        points=flat.astype(np.float64, copy=False),
        track=np.repeat(np.arange(count), kept.sum(1)),
        track_names=np.arange(count).astype(np.str_),
        times=None if times is None else times[kept],
        notes=(*notes, *_resolution(points, kept, "coordinates"), *_resolution(times, kept, "times")),
        guesses=guesses,
        labels=arrays.get("labels"),
        label_names=arrays.get("label_names"),
        groups=arrays.get("groups"),
        split=arrays.get("split"),
    )


def suggested(arrays: dict[str, tuple[tuple[int, ...], str]]) -> str:
    """ImportOptions that would read arrays of these shapes and kinds, by name."""
    points = [name for name, (shape, kind) in arrays.items() if len(shape) == 3 and kind in "fiu"]
    flat = [name for name, (shape, _) in arrays.items() if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)]
    labels = [name for name in LABELS if len(arrays.get(name, ((), ""))[0]) in (1, 2)] or flat  # one-hot ones have two
    if not points:
        return "none has three axes: tracks, points, coordinates. --x and --y name an array for each coordinate"
    key, shape = points[0], arrays[points[0]][0]
    of_points = [name for name in labels if arrays[name][0][0] in shape]
    words = [f"--trajectories {visible_name(key)}"]
    words += [f"--labels {visible_name(of_points[0])}"] if of_points else ["--labels KEY"]
    return f"is it {' '.join(words)}? --axes says in what order the axes are, if not '{AXES}'"


def objects(name: str, of_points: bool) -> str:
    """Why an array of Python objects is refused, and how to convert it."""
    how = (
        "save a table with a row a point; or padded, where it was made: most = max(map(len, a)); np.stack([np.pad("
        "np.asarray(x, float), ((0, most - len(x)), (0, 0)), constant_values=np.nan) for x in a])"
        if of_points
        else "save it as strings, where it was made: a.astype(str); or as numbers: a.astype(float)"
    )
    return f"`{name}` holds Python objects, which are never unpickled; {how}"


def _points(points: NDArray[Any], path: Path, options: ImportOptions) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The points as (n t d), and what was guessed."""
    if points.dtype.names:
        names = points.dtype.names
        if len(names) not in (2, 3) or any(points.dtype[name].kind not in "fiu" for name in names):
            raise UserError(
                f"{path}: got points with the fields {', '.join(map(visible_name, names))}, expected two or three of "
                "numbers: x, y, z; save those alone: a[['x', 'y']]"
            )
        guess = f"the fields {', '.join(map(visible_name, names))} are the coordinates, in this order"
        return structured_to_unstructured(points), (guess,)
    if options.axes:
        return _rearranged(points, options.axes, path), ()
    if points.ndim != 3 or points.shape[2] not in (2, 3) or points.dtype.kind not in "fiu":
        axes = ("n d t", 1), ("d n t", 0)
        other = [f"--axes '{order}'" for order, axis in axes if points.ndim == 3 and points.shape[axis] in (2, 3)]
        way = {
            2: "--axes 'n (t d)' reads it, or 'n (d t)'; or --x and --y name an array (N, T) for each coordinate"
        }.get(points.ndim, "--axes names another order")
        way = f"{' or '.join(other)} reads it" if other else way
        raise UserError(
            f"{path}: got `trajectories` {points.shape} of {points.dtype}, expected numbers (N, T, D), D = 2 or 3; "
            f"{way}"
        )
    return points, ()


def _rearranged(points: NDArray[Any], axes: str, path: Path) -> NDArray[Any]:
    """The axes that `axes` names, as einops does, in the order n t d."""
    flat = FLAT.fullmatch(" ".join(axes.split()))
    if not flat and sorted(axes.split()) != sorted(AXES.split()):
        raise UserError(
            f"--axes: got {visible_name(axes)}, expected the letters n (tracks), t (points), d (coordinates); or "
            "'n (t d)' or 'n (d t)' where a row has all numbers of a track"
        )
    expected = "two" if flat else "three"
    if points.ndim != 2 + (not flat):
        raise UserError(f"{path}: got points {points.shape}, expected {expected} axes: {visible_name(axes)}")
    try:
        if flat:
            pattern = re.sub(r"\d", "d", axes)
            arranged: NDArray[Any] = rearrange(points, f"{pattern} -> {AXES}", d=_dimensions(points, flat, path))
        else:
            arranged = rearrange(points, f"{axes} -> {AXES}")
    except EinopsError:
        raise UserError(f"{path}: got points {points.shape}, expected {expected} axes: {visible_name(axes)}") from None
    if arranged.shape[2] not in (2, 3) or arranged.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: got points {points.shape} of {points.dtype}, whose {arranged.shape[2]} coordinates --axes "
            f"'{axes}' names d; expected numbers, and 2 or 3 of them a point"
        )
    return arranged


def _dimensions(points: NDArray[Any], flat: re.Match[str], path: Path) -> int:
    """How many coordinates the points of tracks (n, t d) have: as `--axes` says, or the one number that divides t d."""
    written = flat[1] or flat[2]
    numbers = points.shape[1]
    fitting = [d for d in ((2, 3) if written == "d" else (int(written),)) if numbers % d == 0]
    if len(fitting) == 1 and numbers:
        return fitting[0]
    other = ", ".join(f"'{flat[0].replace(written, str(d))}'" for d in fitting)
    way = (
        f"say which: --axes {other}" if fitting else "name the columns that are no coordinates: --label, --id, --group"
    )
    expected = "2 or 3" if written == "d" else written
    raise UserError(f"{path}: got {numbers} numbers a track, expected {expected} for each of its points; {way}")


def _times(times: NDArray[Any], shape: tuple[int, int], path: Path) -> NDArray[Any]:
    """Times (n t); (t) or (n t 1) are taken for what they must be."""
    if times.shape == shape[1:]:
        return np.broadcast_to(times, shape)
    if times.shape == (*shape, 1):
        return times[..., 0]
    if times.shape != shape:
        raise UserError(f"{path}: got `times` {times.shape}, expected {shape} to match `trajectories`")
    return times


def _resolution(values: NDArray[Any] | None, kept: NDArray[np.bool_], what: str) -> list[str]:
    """A note where most steps are below what float16 or float32 can tell apart, far from 0."""
    if values is None or values.dtype.kind != "f" or values.dtype.itemsize > 4 or not kept.any():
        return []
    parts = list(blocks(*values.shape[:2]))
    farthest = max(np.max(np.abs(values[part]), initial=0, where=_real(values[part], kept[part])) for part in parts)
    grain = np.spacing(farthest)
    # Steps that are 0 may be rest, unless not even 1 is told from 0.
    least = 0 if grain < 1 else -1
    counts = np.zeros(2)
    for part in parts:
        steps = _steps(values[part], least)
        counts += len(steps), (steps <= 4 * grain).sum()
    if not counts[0] or 2 * counts[1] < counts[0]:
        return []
    median = np.median(_steps(values, least))
    return [
        f"{what} are {values.dtype}: near {farthest:g} it resolves {grain:g}, and half of the steps are at most "
        f"{median:g}, so that motion is lost to rounding; save float64, or subtract an offset before"
    ]


def _real(values: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of some values (n t ...) are finite, and of a point that is `kept` (n t)."""
    return np.isfinite(values) & kept.reshape(*kept.shape, *[1] * (values.ndim - 2))


def _steps(values: NDArray[Any], least: float) -> NDArray[Any]:
    """The finite steps (j) of values (n t ...) from a point to the next that are larger than `least`."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.abs(np.diff(values, axis=1))
    return steps[(steps > least) & np.isfinite(steps)]
