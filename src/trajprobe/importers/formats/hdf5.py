"""HDF5 files, of any program; and of MATLAB 7.3, which keeps variables in them, transposed.

An array's name is its path in the file (`group/name`), in MATLAB's files `struct.field`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import isolated, named_arrays
from trajprobe.importers.options import ARRAYS, ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.ragged import squeezed, stacked
from trajprobe.importers.readers import optional

ENDINGS = (".h5", ".hdf5", ".hdf")
OPTIONS = ARRAYS
SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Groups of MATLAB's own.
INNER = ("#refs#", "#subsystem#")
#: Arrays by which files of other programs are recognised, and the way from there.
PROGRAMS = {
    "block0_values": "is a table of pandas; --format poses reads DeepLabCut's, and for others "
    "pandas.read_hdf(FILE).to_parquet('tracks.parquet') converts it",
    "_i_table": "is a table of pandas; pandas.read_hdf(FILE).to_parquet('tracks.parquet') converts it",
    "track_occupancy": "is an analysis file of SLEAP; --format poses reads it",
}


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of an HDF5 file, under the names of a data set's arrays or those that the options name.

    Raises:
        UserError: the file or an array is refused; the message says which options read it.
    """
    check_file(path, "no such file")
    optional("h5py", "hdf5", path)
    return isolated.read(table, path, options)


def matlab_table(path: Path, options: ImportOptions) -> PointTable:
    """As `read`, of a file that MATLAB 7.3 wrote.

    Raises:
        UserError: as `read`.
    """
    return table(path, options, matlab=True)


def table(path: Path, options: ImportOptions, *, matlab: bool = False) -> PointTable:
    """As `read`, in this process.

    Raises:
        UserError: as `read`.
    """
    h5py = optional("h5py", "hdf5", path)
    try:
        with h5py.File(path, "r") as file:
            nodes: dict[str, Any] = {}
            file.visititems(lambda name, node: nodes.update({name: node}))  # which follows no link to another file
            datasets = {name: node for name, node in nodes.items() if isinstance(node, h5py.Dataset)}
            _check_program(path, nodes)
            if matlab:
                arrays = _variables(path, file, datasets)
                declared = {name: (array.shape, array.dtype) for name, array in arrays.items()}
                return named_arrays.table(path, options, declared, lambda keys: {key: arrays[key] for key in keys})
            texts = {name for name, node in datasets.items() if h5py.check_string_dtype(node.dtype)}
            declared = {
                name: (node.shape or (), np.dtype("U1") if name in texts else node.dtype)
                for name, node in datasets.items()
            }
            return named_arrays.table(path, options, declared, lambda keys: _loaded(path, datasets, keys, texts))
    except (UserError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (h5py raises anything at the bytes of an untrusted file)
        raise UserError(f"{path}: is no HDF5 file, or is damaged ({visible(error, 200)}); save it again") from None


def _check_program(path: Path, nodes: dict[str, Any]) -> None:
    names = {name.rpartition("/")[2] for name in nodes}
    for name, way in PROGRAMS.items():
        if name in names:
            raise UserError(f"{path}: {way}")


def _loaded(path: Path, datasets: dict[str, Any], keys: list[str], texts: set[str]) -> dict[str, NDArray[Any]]:
    memory.require(sum(datasets[key].nbytes for key in keys), str(path), "take fewer or shorter tracks")
    return {
        key: np.asarray(datasets[key].asstr()[()], dtype=np.str_) if key in texts else np.asarray(datasets[key][()])
        for key in keys
    }


def _variables(path: Path, file: Any, datasets: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """MATLAB's variables; what is neither numbers nor text is left out."""
    memory.require(sum(node.nbytes for node in datasets.values()), str(path), "save fewer variables")
    arrays: dict[str, NDArray[Any]] = {}
    for name, node in datasets.items():
        if name.startswith(INNER):
            continue
        value = _value(node)
        if value.dtype.kind != "O":
            arrays[name.replace("/", ".")] = squeezed(value)
        elif (cells := stacked([_value(file[reference]) for reference in value.reshape(-1)])) is not None:
            arrays[name.replace("/", ".")] = cells
    return arrays


def _value(node: Any) -> NDArray[Any]:
    """A dataset as MATLAB shows it: with its axes in that order, and characters as texts."""
    value = np.asarray(node[()]).T
    if node.attrs.get("MATLAB_empty"):
        return np.empty((0, 0))
    if node.attrs.get("MATLAB_class") == b"char":
        return np.array(["".join(map(chr, row)).rstrip() for row in np.atleast_2d(value).tolist()])
    return value
