"""Tables with a row a track, of any ending that tables have; `--format wide` asks for it where no names show it."""

from pathlib import Path

from trajprobe.importers import readers, table_file
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = ()
OPTIONS = ("id", "label", "label_name", "group", "split", "axes")


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a table: its rows. A file of another ending is text.

    Raises:
        UserError: it is no table, or its columns do not fit.
    """
    return table_file.wide(readers.of_table(path).opened(path, options), path, options)
