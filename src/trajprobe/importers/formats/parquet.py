"""Parquet files, a row a point."""

from pathlib import Path

import pandas as pd

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import table_file
from trajprobe.importers.options import TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = (".parquet", ".pq", ".geoparquet")
OPTIONS = TABLE
#: Bytes of a value in memory at most, as a rule, with what is copied of it.
VALUE = 32


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a Parquet file.

    Raises:
        UserError: it is damaged, or its columns do not fit.
    """
    return table_file.read(opened(path, options), path, options)


def opened(path: Path, options: ImportOptions) -> table_file.TableFile:  # noqa: ARG001 (as every table's)
    """The file.

    Raises:
        UserError: it is damaged; so does reading from it.
    """
    return table_file.TableFile(_names(path), lambda names, _: _frame(path, list(names)))


def _names(path: Path) -> list[str]:
    from pyarrow import parquet

    check_file(path, "no such file")
    try:
        return list(parquet.read_schema(path).names)
    except Exception as error:  # noqa: BLE001 (pyarrow raises anything at the bytes of an untrusted file)
        raise UserError(f"{path}: is damaged ({visible(error, 200)}); copy or save it again") from None


def _frame(path: Path, names: list[str]) -> pd.DataFrame:
    from pyarrow import parquet

    try:
        rows = parquet.read_metadata(path).num_rows
        memory.require(VALUE * rows * len(names), str(path), "take fewer rows")
        return parquet.ParquetFile(path).read(columns=names).to_pandas(ignore_metadata=True)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001
        raise UserError(f"{path}: is damaged ({visible(error, 200)}); copy or save it again") from None
