"""Files of numpy arrays: one of points for all tracks, padded where they are ragged, and one for each of the rest."""

from pathlib import Path

from trajprobe.files.reading import PLAIN, declared_arrays, read_npz
from trajprobe.importers import named_arrays
from trajprobe.importers.options import ARRAYS, ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = (".npz",)
OPTIONS = ARRAYS
MISSING, DAMAGED = "no such file", "copy or save it again"
#: Dates, durations and named fields are read beside what a data set may hold.
KINDS = PLAIN + "MmV"


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of an npz, under the keys of a data set or those that the options name. Never unpickles.

    Raises:
        UserError: the file or an array is refused; the message says which options read it.
    """
    declared = declared_arrays(path, MISSING, DAMAGED)
    return named_arrays.table(
        path, options, declared, lambda keys: read_npz(path, keys, (), MISSING, DAMAGED, KINDS)[0]
    )
