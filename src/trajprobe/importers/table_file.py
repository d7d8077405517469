"""Tables, from any kind of file that holds one: with a row a point, or, where columns are x1, y1, x2, a row a track."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from trajprobe.importers import long_table, presets, wide_table
from trajprobe.importers.chunked import Chunked
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable


@dataclass(frozen=True)
class TableFile:
    """A file of a table, of which the names of columns are known."""

    names: list[str]
    #: Reads columns: those of the second argument as numbers where they hold nothing else, others as they are.
    load: Callable[[Sequence[str], Collection[str]], Chunked]


def read(file: TableFile, path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a table.

    Raises:
        UserError: its columns do not fit.
    """
    if wide_table.is_one(file.names, options):
        return wide(file, path, options)
    columns = presets.columns(file.names, options, path)
    return long_table.table(file.load(columns.all(), columns.numbers(options)), columns, path, options)


def wide(file: TableFile, path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a table with a row a track.

    Raises:
        UserError: its columns do not fit.
    """
    columns = wide_table.columns(file.names, options, path)
    return wide_table.table(file.load(columns.all(), columns.numbers), columns, path, options)
