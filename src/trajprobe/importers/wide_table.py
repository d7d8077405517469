"""Tables with a row a track, whose columns are coordinates of its points: x1, y1, x2, y2, or by their order alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw import Arrays
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers import long_table, padded, presets
from trajprobe.importers.chunked import Chunked
from trajprobe.importers.decoding import integers
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: A coordinate, or the time, of a point by its number: x1, x_1, x[1], 1_x.
NUMBERED = re.compile(
    r"(?P<axis>[txyz])[\W_]*(?P<number>\d+)\W*|(?P<before>\d+)[\W_]*(?P<behind>[txyz])", re.IGNORECASE
)
#: Fewer points may be the corners of a box.
FEWEST = 3


@dataclass(frozen=True)
class Columns:
    """The columns of one table, by what they mean."""

    id: tuple[str, ...]
    roles: dict[str, str]  #: label, label_name, group, split
    axes: dict[str, list[str]]  #: x, y, perhaps z and t: a column a point; empty where their order says it
    numbers: list[str]  #: all columns of coordinates and times
    unused: list[str]

    def all(self) -> list[str]:
        """Every column that is read."""
        return list(dict.fromkeys([*self.id, *self.roles.values(), *self.numbers]))


def is_one(names: Sequence[str], options: ImportOptions) -> bool:
    """Whether columns of these names are those of points, and no option, and no other column, says otherwise."""
    long = options.x or options.y or options.z or options.time or options.preset or presets.has_points(names)
    return not long and len(_axes(names).get("x", ())) >= FEWEST


def columns(names: Sequence[str], options: ImportOptions, path: Path) -> Columns:
    """What each of the columns `names` means.

    Raises:
        UserError: neither names nor `--axes` say which columns are coordinates, or a column does not exist.
    """
    for option in (*options.id, options.label, options.label_name, options.group, options.split):
        if option and option not in names and not options.on:
            raise UserError(f"{path}: no column {visible_name(option)}; got {visible_names(names, 30)}")
    roles = presets.of_rows(names, options, options.id)
    others = [name for name in names if name not in (*options.id, *roles.values())]
    axes = {} if options.axes else _axes(others)
    if not axes and not options.axes:
        raise UserError(
            f"{path}: which columns are coordinates? Expected names as x1, y1, x2, y2, got {visible_names(names, 30)}; "
            "--axes 'n (t d)' says that the columns without another meaning are x and y of each point in turn, "
            "--axes 'n (d t)' that they are all x and then all y"
        )
    numbers = [name for of_axis in axes.values() for name in of_axis] or others
    return Columns(options.id, roles, axes, numbers, [name for name in others if name not in numbers])


def table(frame: Chunked, columns: Columns, path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a table: its rows.

    Args:
        frame: the columns of `columns.all()`, a row a track.
        columns: what each means.
        path: the file, for messages.
        options: of which `axes` is used.

    Raises:
        UserError: a number is none, two rows have one name, or columns are no coordinates in that order.
    """
    values = np.empty((len(frame), len(columns.numbers)))
    for number, name in enumerate(columns.numbers):
        values[:, number] = long_table.numbers(frame[name], path)
    arrays: Arrays = {"trajectories": values}
    if columns.axes:
        by_axis = dict(zip(columns.axes, np.split(values, len(columns.axes), axis=1), strict=True))
        arrays["trajectories"] = np.stack([by_axis[axis] for axis in "xyz" if axis in by_axis], axis=2)
        if "t" in by_axis:
            arrays["times"] = by_axis["t"]
    texts = {role: _texts(frame, (column,)) for role, column in columns.roles.items()}
    labels, label_names = long_table.named_labels(texts.get("label"), texts.get("label_name"), path)
    groups = texts.get("group")
    fields = {"labels": labels, "label_names": label_names, "split": texts.get("split"),
              "groups": None if groups is None else integers(groups)}  # fmt: skip
    arrays |= {name: field for name, field in fields.items() if field is not None}
    notes = (f"not used: {visible_names(columns.unused)}",) if columns.unused else ()
    read = padded.table(arrays, path, options, notes)
    names = _names(frame, columns, path) if columns.id else read.track_names
    return replace(read, track_names=names, guesses=(_guess(columns, options), *read.guesses))


def _axes(names: Sequence[str]) -> dict[str, list[str]]:
    """By axis the columns of points, in order; none where x and y are not there for the same points, from 0 or 1 on."""
    numbered: dict[str, dict[int, str]] = {}
    for name in names:
        if match := NUMBERED.fullmatch(name.strip()):
            axis, number = match["axis"] or match["behind"], match["number"] or match["before"]
            numbered.setdefault(axis.lower(), {})[int(number)] = name
    points = sorted(numbered.get("x", ()))
    if not points or points != list(range(points[0], points[0] + len(points))) or points[0] > 1:
        return {}
    axes = {
        axis: [of_axis[point] for point in points]
        for axis in "xyzt"
        if sorted(of_axis := numbered.get(axis, {})) == points
    }
    return axes if {"x", "y"} <= axes.keys() else {}


def _texts(frame: Chunked, names: tuple[str, ...]) -> NDArray[np.str_]:
    texts = long_table.texts(frame, names)
    return texts.uniques[texts.codes]


def _names(frame: Chunked, columns: Columns, path: Path) -> NDArray[np.str_]:
    """What the table calls each track."""
    names = _texts(frame, columns.id)
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{path}: {int(counts[counts > 1].sum()):,} rows share a name ({visible_names(values[counts > 1], 5)}), "
            "and a row is a track; --id names a column in which they differ, --group one that they share"
        )
    return names


def _guess(columns: Columns, options: ImportOptions) -> str:
    first, last = visible_name(columns.numbers[0]), visible_name(columns.numbers[-1])
    if columns.axes:
        places = ", ".join(f"{axis} {of_axis[0]} to {of_axis[-1]}" for axis, of_axis in columns.axes.items())
    else:
        places = f"{len(columns.numbers)} columns, {first} to {last}, as {options.axes}"
    roles = "".join(
        f", {role.replace('_', ' ')} {visible_name(name)}"
        for role, name in columns.roles.items()
        if not getattr(options, role)
    )
    return f"read as a table with a row a track: {visible_name(places)}{roles}"
