"""JSON lines: an object a line, each a point."""

from pathlib import Path

import pandas as pd

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import long_table, presets
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
    frame = whole(path, options)
    columns = presets.columns([str(name) for name in frame.columns], options, path)
    return long_table.table(frame[columns.all()], columns, path, options)


def whole(path: Path, options: ImportOptions) -> pd.DataFrame:  # noqa: ARG001 (as every table's)
    """All keys of the objects, a column each.

    Raises:
        UserError: a line is no object.
    """
    from pyarrow import json

    check_file(path, "no such file")
    memory.require(TABLE_MEMORY * path.stat().st_size, str(path), "take fewer rows")
    try:
        return json.read_json(path).to_pandas()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (pyarrow raises anything at the bytes of an untrusted file)
        raise UserError(
            f"{path}: is no file of JSON lines ({visible(error, 200)}); write an object a line, as pandas' "
            "to_json(orient='records', lines=True) does"
        ) from None
