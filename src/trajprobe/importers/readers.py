"""The readers of files, one a format: format NAME is the module NAME of the folder `formats`, found by name.

A module of that folder has

    ENDINGS = (".csv", ...)                            the endings of files that it reads, in small letters
    OPTIONS = ("id", "time", ...)                      those of `TABLE` and `ARRAYS` that it has a use for
    def read(path: Path, options: ImportOptions) -> PointTable

One that reads tables has `opened(path, options) -> TableFile` too, which `table_file.read` makes a `read` of.

`read` raises UserError, in one line, for a file that it can't read. A library that is no requirement of trajprobe comes
from `optional`, called inside `read`.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from trajprobe.errors import UserError
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.table_file import TableFile

FORMATS = Path(__file__).with_name("formats")


class Reader(Protocol):
    """A module of the folder `formats`."""

    ENDINGS: tuple[str, ...]
    OPTIONS: tuple[str, ...]

    def read(self, path: Path, options: ImportOptions) -> PointTable: ...


class TableReader(Reader, Protocol):
    """One that reads tables."""

    def opened(self, path: Path, options: ImportOptions) -> TableFile: ...


def names() -> list[str]:
    """The names of all formats."""
    return sorted(path.stem for path in FORMATS.glob("*.py"))


def by_name(name: str) -> Reader:
    """The format that `--format` names.

    Raises:
        UserError: there is none of that name.
    """
    if name not in names():
        raise UserError(f"--format: got {name}, expected one of {', '.join(names())}")
    return cast(Reader, importlib.import_module(f"trajprobe.importers.formats.{name}"))


def by_ending(path: Path) -> Reader | None:
    """The format of a file by its ending; the longest that fits, so that .csv.gz is none of .gz."""
    fits = {
        ending: module
        for module in map(by_name, names())
        for ending in module.ENDINGS
        if path.name.lower().endswith(ending)
    }
    return fits[max(fits, key=len)] if fits else None


def of_table(path: Path) -> TableReader:
    """The format of a table by its ending, by default that of text.

    Raises:
        UserError: it is that of a format without tables.
    """
    reader = by_ending(path) or by_name("csv")
    if not hasattr(reader, "opened"):
        raise UserError(f"{path}: expected a table, with a row a point or a track: CSV, TSV, Parquet or JSON lines")
    return cast(TableReader, reader)


def optional(module: str, package: str, path: Path) -> ModuleType:
    """A library that is no requirement of trajprobe.

    Args:
        module: what is imported.
        package: the extra of trajprobe that installs it.
        path: the file that needs it, for the message.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        top = module.partition(".")[0]
        raise UserError(f"{path}: needs the package {top}; `pip install 'trajprobe[{package}]'` installs it") from None
