"""Where a data set goes, and which names it can't have."""

from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.files.imported import dvc_file
from trajprobe.inspection.measures import RAW
from trajprobe.params import check_name

#: Names of data sets that the stage `synthetic` makes.
RESERVED = ("synthetic", "synthetic_pool")


def destination(name: str, replace: bool) -> Path:
    """The file of the data set `name`; `replace`: one of that name may be there.

    Raises:
        UserError: the name will not do, or is that of another set.
    """
    check_name(name, "--name", RESERVED)
    path = RAW / f"{name}.npz"
    if (path.exists() or dvc_file(path).exists()) and not replace:
        raise UserError(f"{path}: a data set of that name exists; choose another --name, or replace it with --force")
    return path
