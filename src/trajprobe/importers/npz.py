"""Imports a user's file as data/raw/NAME.npz, under DVC."""

from pathlib import Path

import numpy as np

from trajprobe.data import raw
from trajprobe.errors import UserError
from trajprobe.files.atomic import write_npz
from trajprobe.params import check_name
from trajprobe.repository.tracking import check_top, pointer, tracked

RAW = Path("data/raw")
#: Made by the synthetic stage.
RESERVED = ("synthetic", "synthetic_pool")


def import_npz(file: Path, name: str, *, replace: bool = False) -> str:
    """Checks `file`, writes its canonical form, and `dvc add`s that; returns a line that tells what was imported.

    Raises:
        UserError: the file or the name won't do, or DVC refuses. Nothing is left behind.
    """
    check_name(name, "--name", RESERVED)
    check_top()
    place = RAW / f"{name}.npz"
    if (place.exists() or pointer(place).exists()) and not replace:
        raise UserError(f"{place}: a data set of that name is there; choose another --name, or --force to replace it")
    data = raw.load(file)
    with tracked(place):
        write_npz(place, raw.as_arrays(data))
    points = np.isfinite(data.trajectories).all(2).sum(1)
    told = [
        f"{place}: {len(data.labels)} tracks of {points.min()} to {points.max()} points in "
        f"{data.trajectories.shape[2]}-D, {len(np.unique(data.labels))} classes"
    ]
    if data.split is not None:
        told.append(f"{int((data.split == 'train').sum())} train and {int((data.split == 'test').sum())} test tracks")
    return "; ".join([*told, *data.notes, f"set `dataset: {name}` in params.yaml and run `make repro`"])
