"""Files of numpy arrays: one of points for all tracks, padded where they are ragged, and one for each of the rest."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw import OPTIONAL, REQUIRED
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.files.reading import PLAIN, declared_arrays, read_npz
from trajprobe.importers import padded
from trajprobe.importers.options import Options
from trajprobe.importers.point_table import PointTable

ENDINGS = (".npz",)
MISSING, DAMAGED = "no such file", "copy or save it again"
#: Dates, durations and named fields are read beside what a data set may hold.
KINDS = PLAIN + "MmV"


def read(path: Path, options: Options) -> PointTable:
    """The tracks of an npz, under the keys of a data set or those that the options name. Never unpickles.

    Raises:
        UserError: the file or an array is refused; the message says which options read it.
    """
    declared = declared_arrays(path, MISSING, DAMAGED)
    keys = {key: key for key in (*REQUIRED, *OPTIONAL)} | padded.named(options)
    for option, key in padded.named(options).items():
        if key not in declared:
            raise UserError(f"{path}: no `{visible_name(key)}`, which {option} is to be; got {_listed(declared)}")
    points = padded.coordinates(options) or (keys["trajectories"],)
    needed = points if options.on or options.label_from else (*points, keys["labels"])
    if lacking := [key for key in needed if key not in declared]:
        raise UserError(
            f"{path}: no `{visible_name(lacking[0])}`; expected {' and '.join(REQUIRED)}, got the keys "
            f"{_listed(declared)}"
            f"; {padded.suggested({name: (shape, dtype.kind) for name, (shape, dtype) in declared.items()})}"
        )
    others = [key for role, key in keys.items() if role != "trajectories" and key in declared and key not in points]
    for key in (*points, *others):
        if declared[key][1].hasobject:
            raise UserError(f"{path}: {padded.objects(visible_name(key), key in points)}")
    arrays, unused = read_npz(path, points, others, MISSING, DAMAGED, KINDS)
    by_role: dict[str, NDArray[Any]] = {role: arrays[key] for role, key in keys.items() if key in arrays}
    by_role["trajectories"] = padded.stacked([arrays[key] for key in points], points, path)
    notes = (f"not used: {visible_names(unused)}",) if unused else ()
    return padded.table(by_role, path, options, notes)


def _listed(declared: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    """The arrays of the file, each with its shape."""
    return visible_names([f"{name} {shape}" for name, (shape, _) in sorted(declared.items())]) or "none"
