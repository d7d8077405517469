"""A file of one numpy array, the points; --labels names a second such file, the labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import HEADER, check_file
from trajprobe.importers import padded
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = (".npy",)
OPTIONS = ("labels", "axes")


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of an npy. Never unpickles.

    Raises:
        UserError: a file is refused.
    """
    arrays = {"trajectories": _array(path, of_points=True)}
    if options.labels and not options.on:
        arrays["labels"] = _array(Path(options.labels), of_points=False)
    return padded.table(arrays, path, options)


def _array(path: Path, *, of_points: bool) -> NDArray[Any]:
    check_file(path, "no such file")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read_header = np.lib.format.read_array_header_2_0
            shape, _, dtype = read_header(file, max_header_size=HEADER)
            if dtype.hasobject:
                raise UserError(f"{path}: {padded.objects('the array', of_points)}")
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            if size != path.stat().st_size - file.tell():
                raise ValueError(f"it declares {size:,} bytes and has {path.stat().st_size - file.tell():,}")
            memory.require(2 * size, str(path), "take fewer or shorter tracks, or a machine with more memory")
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False, max_header_size=HEADER)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy raises anything at the bytes of an untrusted file)
        raise UserError(f"{path}: is damaged ({visible(error, 200)}); copy or save it again") from None
