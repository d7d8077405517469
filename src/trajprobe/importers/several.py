"""One table of points from one file or many, whose tracks are kept apart; names of files as labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers import file_names, readers, second_table, unknown
from trajprobe.importers.options import ARRAYS, NEEDED, POSES, SECOND_TABLE, TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable


def read(files: tuple[Path, ...], options: ImportOptions) -> PointTable:
    """All tracks of `files`; those of several files are called "FILE TRACK": a name may repeat from file to file.

    Raises:
        UserError: a file is refused; files differ in what they have; labels stand in two places.
    """
    of_each = [_reader(file, options) for file in files]
    _check_used(files[0], of_each, options)
    of_names, guesses = file_names.of_files(files, options)
    tables = [_read(file, reader, options) for file, reader in zip(files, of_each, strict=True)]
    names = np.concatenate([table.track_names for table in tables])
    if len(files) > 1:
        tables = [
            replace(table, track_names=np.strings.add(f"{name} ", table.track_names))
            for name, table in zip(_file_names(files), tables, strict=True)
        ]
    table = _joined(files, tables)
    counts = [len(one) for one in tables]

    fields: dict[str, Any] = {field: np.repeat(values, counts) for field, values in of_names.items()}
    if "labels" in fields:
        fields["label_names"] = None
    table = replace(table, guesses=(*table.guesses, *guesses), **fields)
    return second_table.with_labels(table, options, names)


def _reader(file: Path, options: ImportOptions) -> readers.Reader:
    if not file.exists():
        raise UserError(f"{file}: no such file")
    if file.is_dir():
        raise UserError(f"{file}: is a folder; name the files in it, {file / '*'} for all")
    reader = readers.by_name(options.format) if options.format else readers.by_ending(file)
    if reader is None:
        raise UserError(f"{file}: {unknown.described(file)}")
    return reader


def _check_used(file: Path, of_each: Sequence[readers.Reader], options: ImportOptions) -> None:
    """Raises UserError where an option would change nothing. `file` is the first one."""
    for option, other in NEEDED.items():
        if getattr(options, option) != getattr(ImportOptions(), option) and getattr(options, other) is None:
            raise UserError(f"{_flag(option)}: changes nothing without {_flag(other)}; add that, or leave it out")
    used = {option for reader in of_each for option in reader.OPTIONS} | {*SECOND_TABLE * bool(options.on)}
    some = {*TABLE, *ARRAYS, *POSES}
    for option in options.__struct_fields__:
        if option in some and getattr(options, option) and option not in used:
            takes = ", ".join(_flag(name) for name in options.__struct_fields__ if name not in some or name in used)
            table = "; or is it the name of a second table, whose tracks --on names?" * (option == "labels")
            raise UserError(f"{_flag(option)}: says nothing of {file}, which takes {takes}{table}")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _read(file: Path, reader: readers.Reader, options: ImportOptions) -> PointTable:
    table = reader.read(file, options)
    if not len(table):
        raise UserError(f"{file}: got no trajectory, expected at least one for each of two classes")
    return table


def _joined(files: tuple[Path, ...], tables: list[PointTable]) -> PointTable:
    first = tables[0]
    if len(tables) == 1:
        return first
    fields: dict[str, Any] = {}
    for name in ("times", "labels", "groups", "split"):
        values = [getattr(table, name) for table in tables]
        fields[name] = None if all(value is None for value in values) else _stacked(files, values, name)
    for file, table in zip(files, tables, strict=True):
        if table.points.shape[1] != first.points.shape[1]:
            raise UserError(
                f"{file}: got points in {table.points.shape[1]}-D, expected {first.points.shape[1]}-D as in "
                f"{files[0]}; "
                "name the columns with --x, --y and --z"
            )
        names, others = ([] if one.label_names is None else one.label_names.tolist() for one in (table, first))
        if names != others:
            raise UserError(f"{file}: got other `label_names` than {files[0]}; import each by itself, or rename them")
    offsets = np.cumsum([0, *map(len, tables[:-1])])
    return PointTable(
        points=np.concatenate([table.points for table in tables]),
        track=np.concatenate([table.track + offset for table, offset in zip(tables, offsets, strict=True)]),
        track_names=np.concatenate([table.track_names for table in tables]),
        label_names=first.label_names,
        degrees=first.degrees,
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
        guesses=tuple(dict.fromkeys(guess for table in tables for guess in table.guesses)),
        **fields,
    )


def _stacked(files: tuple[Path, ...], values: list[NDArray[Any] | None], name: str) -> NDArray[Any]:
    lacking = [str(file) for file, value in zip(files, values, strict=True) if value is None]
    if lacking:
        raise UserError(
            f"{visible_names(lacking, 3)}: no {name}, which other files have; import them without, or add them"
        )
    present = [value for value in values if value is not None]
    kinds = {("number" if value.dtype.kind in "iufb" else value.dtype.kind, value.shape[1:]) for value in present}
    if len(kinds) > 1:  # numbers in one file, names in another: text in all
        if any(len(shape) > 1 for _, shape in kinds) or name == "times":
            raise UserError(f"{files[0]}: its {name} are of another type than those of other files; use one for all")
        present = [value.astype(np.str_) for value in present]
    return np.concatenate(present)


def _file_names(files: tuple[Path, ...]) -> list[str]:
    """What tells the files apart: their names, or where those repeat their paths."""
    names = [file.name for file in files]
    names = names if len(set(names)) == len(files) else [file.as_posix() for file in files]
    if len(set(names)) < len(files):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{visible_name(twice)}: got the file twice, expected each once")
    return names
