"""JSON lines: an object a line, each a point."""

from pathlib import Path

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import table_file
from trajprobe.importers.chunked import ROWS, chunked
from trajprobe.importers.options import TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = (".jsonl", ".ndjson", ".jsonlines")
OPTIONS = TABLE
#: Memory that a table takes at most, as a multiple of the file's size.
TABLE_MEMORY = 4


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a file of JSON lines.

    Raises:
        UserError: a line is no object, or the objects' keys do not fit.
    """
    return table_file.read(opened(path, options), path, options)


def opened(path: Path, options: ImportOptions) -> table_file.TableFile:  # noqa: ARG001 (as every table's)
    """The file; its columns are the keys of the objects.

    Raises:
        UserError: a line is no object.
    """
    from pyarrow import json

    check_file(path, "no such file")
    memory.require(TABLE_MEMORY * path.stat().st_size, str(path), "take fewer rows")
    try:
        table = json.read_json(path)
        table.validate(full=True)  # of texts, whether they are UTF-8
        names = list(table.column_names)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (pyarrow raises anything at the bytes of an untrusted file)
        raise UserError(
            f"{path}: is no file of JSON lines ({visible(error, 200)}); write an object a line, as pandas' "
            "to_json(orient='records', lines=True) does"
        ) from None
    return table_file.TableFile(
        names,
        lambda names, numbers: chunked((batch.to_pandas() for batch in table.to_batches(ROWS)), names, numbers),
    )
