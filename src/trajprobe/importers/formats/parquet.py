"""Parquet files, a row a point."""

from collections.abc import Collection, Sequence
from pathlib import Path

from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import table_file
from trajprobe.importers.chunked import ROWS, Chunked, chunked
from trajprobe.importers.options import TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = (".parquet", ".pq", ".geoparquet")
OPTIONS = TABLE
#: Bytes of a column that are read at a time; by itself pyarrow keeps all of the file.
BUFFER = 2**20
#: Bytes of a value in memory at most, as a rule, with what is copied of it.
VALUE = 16


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
    return table_file.TableFile(_names(path), lambda names, numbers: _columns(path, names, numbers))


def _names(path: Path) -> list[str]:
    from pyarrow import parquet

    check_file(path, "no such file")
    try:
        return list(parquet.read_schema(path).names)
    except Exception as error:  # noqa: BLE001 (pyarrow raises anything at the bytes of an untrusted file)
        raise UserError(f"{path}: is damaged ({visible(error, 200)}); copy or save it again") from None


def _columns(path: Path, names: Sequence[str], numbers: Collection[str]) -> Chunked:
    from pyarrow import parquet

    try:
        rows = parquet.read_metadata(path).num_rows
        memory.require(VALUE * rows * len(names), str(path), "take fewer rows")
        batches = parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False).iter_batches(
            ROWS, columns=list(names), use_threads=False
        )
        return chunked((batch.to_pandas(ignore_metadata=True) for batch in batches), names, numbers)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001
        raise UserError(f"{path}: is damaged ({visible(error, 200)}); copy or save it again") from None
