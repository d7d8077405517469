"""MATLAB files: versions 4 to 7 by scipy, 7.3 as the HDF5 that it is.

A variable is an array. A field of a struct is called `struct.field`. A cell array, or a struct array's field, of
matrices is an array of tracks, padded with NaN.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible, visible_names
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import isolated, named_arrays
from trajprobe.importers.formats import hdf5
from trajprobe.importers.options import ARRAYS, ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.ragged import squeezed, stacked
from trajprobe.importers.readers import optional

ENDINGS = (".mat",)
OPTIONS = ARRAYS
#: Memory that its variables take at most, as a multiple of the file's size: they may be packed.
MEMORY = 10
#: Levels of structs and cells within each other at most.
DEPTH = 20


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a MATLAB file, under the names of a data set's arrays or those that the options name.

    Raises:
        UserError: the file or a variable is refused; the message says which options read it.
    """
    check_file(path, "no such file")
    with path.open("rb") as file:
        is_hdf5 = file.read(10).startswith((b"MATLAB 7.3", hdf5.SIGNATURE))
    if is_hdf5:
        optional("h5py", "hdf5", path)
    return isolated.read(hdf5.matlab_table if is_hdf5 else table, path, options)


def table(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a file of versions 4 to 7. scipy crashes at some that are damaged.

    Raises:
        UserError: as `read`.
    """
    from scipy import io

    memory.require(MEMORY * path.stat().st_size, str(path), "save fewer variables")
    try:
        objects = [name for name, _, kind in io.whosmat(path) if kind in ("opaque", "object", "function")]
        names = [name for name, _, kind in io.whosmat(path) if name not in objects]
        content = io.loadmat(path, variable_names=names, chars_as_strings=True)
        arrays = {key: array for name in names for key, array in _arrays(name, content[name])}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (scipy raises anything at the bytes of an untrusted file)
        raise UserError(f"{path}: is no MATLAB file, or is damaged ({visible(error, 200)}); save it again") from None
    if not arrays and objects:
        raise UserError(
            f"{path}: holds tables, strings or objects alone ({visible_names(objects)}), which only MATLAB reads; "
            "there: writetable(T, 'tracks.csv') for a table, cellstr(S) for strings"
        )
    declared = {key: (array.shape, array.dtype) for key, array in arrays.items()}
    return named_arrays.table(path, options, declared, lambda keys: {key: arrays[key] for key in keys})


def _arrays(name: str, value: NDArray[Any], depth: int = 0) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays that a variable holds, by name; what is neither numbers nor text is left out."""
    if depth > DEPTH:
        raise ValueError("structs and cells are nested too deeply")
    if value.dtype.names:
        for field in value.dtype.names:
            items = value[field].reshape(-1)
            key = f"{name}.{field}"
            if len(items) == 1 and isinstance(items[0], np.ndarray):
                yield from _arrays(key, items[0], depth + 1)
            else:
                yield from _stacked(key, items)
    elif value.dtype.kind == "O":
        yield from _stacked(name, value.reshape(-1))
    elif value.dtype.kind in "biufU":
        yield name, squeezed(value)


def _stacked(name: str, cells: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    if (array := stacked([cell for cell in cells if isinstance(cell, np.ndarray)])) is not None:
        yield name, array
