"""Files of named arrays (npz, MATLAB, HDF5): which are points, labels and the rest, by their names or the options."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw import OPTIONAL, REQUIRED
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers import padded, presets
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: The shape and type of each array of a file, by name.
Declared = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


def table(
    path: Path, options: ImportOptions, declared: Declared, load: Callable[[list[str]], Mapping[str, NDArray[Any]]]
) -> PointTable:
    """The tracks of a file, under the keys of a data set or those that the options name.

    Args:
        path: the file, for messages.
        options: of which those of `padded` are used.
        declared: what the file has.
        load: reads the arrays of these names.

    Raises:
        UserError: an array is missing or refused; the message says which options read the file.
    """
    named = padded.named(options, declared)
    keys = {key: key for key in (*REQUIRED, *OPTIONAL)} | named
    for option, key in _arrays_by_option(options, named).items():
        if key not in declared:
            raise UserError(
                f"{path}: {option}: got {visible_name(key)}, expected an array of the file, which has "
                f"{_listed(declared)}"
            )
    points = padded.coordinates(options) or (keys["trajectories"],)
    needed = points if options.on or options.label_from else (*points, keys["labels"])
    if lacking := [key for key in needed if key not in declared]:
        options_for = padded.suggested({name: (shape, dtype.kind) for name, (shape, dtype) in declared.items()})
        raise UserError(
            f"{path}: has no array `{visible_name(lacking[0])}`, expected {' and '.join(map(visible_name, needed))}; "
            f"it has {_listed(declared)}; {options_for}"
        )
    guesses = []
    if (
        keys["groups"] not in declared
        and not options.on
        and (group := _groups(declared, points[0], {*points, *keys.values()}, options))
    ):
        keys["groups"] = group
        guesses.append(f"groups are {visible_name(group)}")
    others = [key for role, key in keys.items() if role != "trajectories" and key in declared and key not in points]
    for key in (*points, *others):
        if declared[key][1].hasobject:
            raise UserError(f"{path}: {padded.objects(visible_name(key), key in points)}")
    arrays = load([*points, *others])
    by_role: dict[str, NDArray[Any]] = {role: arrays[key] for role, key in keys.items() if key in arrays}
    by_role["trajectories"] = padded.stacked([arrays[key] for key in points], points, path)
    unused = sorted(set(declared) - {*points, *others})
    table = padded.table(by_role, path, options, (f"not used: {visible_names(unused)}",) if unused else ())
    return replace(table, guesses=(*guesses, *table.guesses))


def _arrays_by_option(options: ImportOptions, named: Mapping[str, str]) -> dict[str, str]:
    """The arrays that options name, by the option."""
    names = {
        "trajectories": "--trajectories",
        "labels": "--labels" if options.labels else "--label",
        "times": "--time",
        "groups": "--group",
        "split": "--split",
    }
    axes = {"--x": options.x, "--y": options.y, "--z": options.z}
    return {names[role]: key for role, key in named.items()} | {option: key for option, key in axes.items() if key}


def _groups(declared: Declared, points: str, taken: set[str], options: ImportOptions) -> str | None:
    """The array that is called as groups are in tables, has a value for each of the tracks, and is not `taken`."""
    axes = (options.axes or padded.AXES).split()
    shape = declared[points][0]
    if "n" not in axes or axes.index("n") >= len(shape):
        return None
    count = shape[axes.index("n")]
    per_track = [name for name, (shape, _) in declared.items() if shape in ((count,), (count, 1)) and name not in taken]
    return presets.group_of_arrays(per_track)


def _listed(declared: Declared) -> str:
    """The arrays of the file, each with its shape."""
    return visible_names([f"{name} {shape}" for name, (shape, _) in sorted(declared.items())]) or "none"
