"""Imports an npz file of the user's to data/raw/NAME.npz and adds it to DVC."""

from pathlib import Path

import numpy as np

from trajprobe.data import raw
from trajprobe.errors import UserError
from trajprobe.files.atomic import write_npz
from trajprobe.files.imported import dvc_file
from trajprobe.params import check_name
from trajprobe.repository.dvc_add import added_to_dvc, check_repository_root

RAW = Path("data/raw")
#: Names of data sets that the stage `synthetic` makes.
RESERVED = ("synthetic", "synthetic_pool")


def import_npz(file: Path, name: str, *, replace: bool = False) -> str:
    """Checks `file`, writes its canonical form to data/raw/NAME.npz, and runs `dvc add` on that.

    Args:
        file: an npz with the arrays of a raw data set; trajprobe.data.raw lists them.
        name: the name of the data set in params.yaml.
        replace: replaces a data set of that name.

    Returns a line that says what was imported.

    Raises:
        UserError: the file or the name is refused, or DVC refuses. data/raw is left as it was.
    """
    check_name(name, "--name", RESERVED)
    check_repository_root()
    path = RAW / f"{name}.npz"
    if (path.exists() or dvc_file(path).exists()) and not replace:
        raise UserError(f"{path}: a data set of that name exists; choose another --name, or replace it with --force")
    data = raw.load(file)
    with added_to_dvc(path) as new:
        write_npz(new, raw.as_arrays(data))
    points = np.isfinite(data.trajectories).all(2).sum(1)
    facts = [
        f"{path}: {len(data.labels)} tracks of {points.min()} to {points.max()} points in "
        f"{data.trajectories.shape[2]}-D, {len(np.unique(data.labels))} classes"
    ]
    if data.split is not None:
        facts.append(f"{int((data.split == 'train').sum())} train and {int((data.split == 'test').sum())} test tracks")
    return "; ".join([*facts, *data.notes, f"set `dataset: {name}` in params.yaml and run `make repro`"])
