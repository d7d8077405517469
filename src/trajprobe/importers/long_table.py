"""Tables with a row a point, from any kind of file that holds a table: columns of names, times, coordinates, labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers import dates, file_names
from trajprobe.importers.chunked import ROWS, Chunked, is_number
from trajprobe.importers.decoding import integers
from trajprobe.importers.geometry import coordinates
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import Array, PointTable
from trajprobe.importers.presets import Columns

#: Characters from which on an integer is no float64.
LONGEST_NUMBER = 309
#: What stands in place of a track's name where there is none.
NO_NAME = ("", "nan", "none", "null", "na")


def table(frame: Chunked, columns: Columns, path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a table.

    Args:
        frame: the columns of `columns.all()`, a row a point, whose memory the tracks take over: names, labels, groups
            and splits of any type, numbers as numbers where the file has only those.
        columns: what each means.
        path: the file, for messages.
        options: whether the third coordinate was asked for, and how dates are written.

    Raises:
        UserError: a number is none, or a track has two labels, groups or splits.
    """
    notes: list[str] = []
    if columns.visible:
        shown = texts(frame, (columns.visible,))
        hidden = (np.strings.lower(shown.uniques) == "false")[shown.codes]
        if hidden.any():
            notes.append(f"{hidden.sum():,} points left out: {visible_name(columns.visible)} is false for them")
            frame.leave_out(hidden)
    names = texts(frame, columns.id)
    if columns.id:
        unnamed = np.isin(np.strings.lower(names.uniques), NO_NAME)[names.codes]
        if unnamed.any():
            listed = visible_names(columns.id)
            notes.append(f"{unnamed.sum():,} points left out: they are of no track ({listed} is empty)")
            frame.leave_out(unnamed)
            names = texts(frame, columns.id)
    per_track: dict[str, NDArray[Any]] = {}
    for role in ("label", "label_name", "group", "split"):
        if role in columns.roles:
            column = columns.roles[role]
            per_track[role] = of_tracks(frame, column, names, path)
            if role == "label" and (partly := _partly_empty(frame, column, names)):
                notes.append(
                    f"{partly:,} tracks have points without a {visible_name(column)}: they have that of the others"
                )
            if spaced := [
                value for value in frame[column].unique() if isinstance(value, str) and value != value.strip()
            ]:
                listed = visible_names(map(repr, spaced))
                notes.append(f"spaces around names in {visible_name(column)} do not count: {listed}")
    order = np.argsort(names.codes, kind="stable") if (names.codes[1:] < names.codes[:-1]).any() else None
    labels, label_names = named_labels(per_track.get("label"), per_track.get("label_name"), path)
    groups = per_track.get("group")
    times, dated = _times(frame, columns, path, options.date_format)
    points = _points(frame, columns, order, path)
    if points.shape[1] == 3 and not options.z and len(points) and (points[:, 2] == points[0, 2]).all():
        notes.append(f"{visible_name(columns.roles['z'])} left out: it is {points[0, 2]:g} for all points")
        points = points[:, :2]
    if order is not None:
        names = Texts(names.codes[order], names.uniques)
        times = None if times is None else times[order]
    return PointTable(
        points=points,
        track=names.codes,
        track_names=names.uniques if columns.id else np.array([file_names.bare(path)]),
        times=times,
        labels=labels,
        label_names=label_names,
        groups=None if groups is None else integers(groups),
        split=per_track.get("split"),
        notes=tuple(notes),
        guesses=tuple(filter(None, (columns.guess, dated))),
        degrees=columns.degrees,
    )


def named_labels(
    labels: NDArray[np.str_] | None, names: NDArray[np.str_] | None, path: Path
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Labels of tracks (n) and, where they are numbers that have `names` (n), indices of names, in the numbers' order.

    Raises:
        UserError: a number has two names.
    """
    if labels is None or names is None:
        return (names if labels is None else integers(labels)), None
    numbers = integers(labels)
    values, first, indices = np.unique(numbers, return_index=True, return_inverse=True)
    wrong = names != names[first][indices]
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise UserError(
            f"{path}: label {visible_name(labels[at])} has two names: {visible_name(names[first][indices[at]])} and "
            f"{visible_name(names[at])}; name the column of names alone, with --label"
        )
    if len(np.unique(names[first])) < len(values):
        return names, None
    return indices, names[first]


@dataclass(frozen=True)
class Texts:
    """A column of m texts, of which k are distinct."""

    codes: NDArray[np.int64]  #: (m), index in `uniques`
    uniques: NDArray[np.str_]  #: (k), in the order of their first row


def texts(frame: Chunked, columns: tuple[str, ...]) -> Texts:
    """Columns as texts; of several the texts of a row are joined by a space."""
    if not columns:
        return Texts(np.zeros(len(frame), np.int64), np.array([""]))
    joined = _column(frame[columns[0]])
    for column in columns[1:]:
        other = _column(frame[column])
        codes, pairs = pd.factorize(joined.codes * len(other.uniques) + other.codes)
        above, below = np.divmod(pairs, max(len(other.uniques), 1))
        uniques = np.strings.add(np.strings.add(joined.uniques[above], " "), other.uniques[below])
        joined = Texts(codes.astype(np.int64, copy=False), uniques)
    return joined


def _column(column: "pd.Series[Any]") -> Texts:
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    values = np.asarray(uniques, dtype=object)
    texts = np.array([_text(value) for value in values], dtype=np.str_) if len(values) else np.empty(0, np.str_)
    if (codes < 0).any():
        codes, texts = np.where(codes < 0, len(texts), codes), np.append(texts, "")
    # Two values may have one text: 1 and 1.0, a number and a word.
    order, position, inverse = np.unique(texts, return_index=True, return_inverse=True)
    if len(order) < len(texts):
        rank = np.argsort(np.argsort(position))
        codes, texts = rank[inverse][codes], texts[np.sort(position)]
    return Texts(codes.astype(np.int64, copy=False), texts)


def _text(value: object) -> str:
    """A value as a person would write it: an integer without a decimal point, whatever type it came in."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    text = str(value).strip()
    whole, point, fraction = text.partition(".")
    return whole if point and not fraction.strip("0") and whole.removeprefix("-").isdecimal() else text


def of_tracks(frame: Chunked, column: str, names: Texts, path: Path) -> NDArray[np.str_]:
    """The text that a track (n) has in all its rows; rows where it is empty do not count.

    Raises:
        UserError: a track has two.
    """
    values = _column(frame[column])
    empty = values.uniques == ""
    of_track = np.full(len(names.uniques), -1)
    # The first filled row of each track, as the last that is written here.
    for rows in reversed(_blocks(len(values.codes))):
        filled = np.flatnonzero(~empty[values.codes[rows]])[::-1]
        of_track[names.codes[rows][filled]] = values.codes[rows][filled]
    wrong = [
        rows.start + np.flatnonzero((values.codes[rows] != of_track[names.codes[rows]]) & ~empty[values.codes[rows]])
        for rows in _blocks(len(values.codes))
    ]
    if any(map(len, wrong)):
        at = np.concatenate(wrong)
        track = names.codes[at[0]]
        tracks = len(np.unique(names.codes[at]))
        first, second = values.uniques[of_track[track]], values.uniques[values.codes[at[0]]]
        raise UserError(
            f"{path}: {tracks:,} tracks have two values in {visible_name(column)}, expected one each: track "
            f"{visible_name(names.uniques[track])} has {visible_name(first)} and {visible_name(second)}. Where names "
            "of tracks repeat, name the column that tells them apart too: --id SCENE --id TRACK. Where a track changes "
            "its "
            f"{visible_name(column)} on the way: --id TRACK --id {visible_name(column)} --group TRACK, and --max-gap, "
            "which splits a track at long pauses"
        )
    texts = np.append(values.uniques, "")
    return texts[of_track]


def _partly_empty(frame: Chunked, column: str, names: Texts) -> int:
    """How many tracks have rows where the column is empty, and others where it is not."""
    values = _column(frame[column])
    empty = values.uniques == ""
    of_empty, of_filled = np.zeros((2, len(names.uniques)), np.bool_)
    for rows in _blocks(len(values.codes)):
        is_empty = empty[values.codes[rows]]
        of_empty[names.codes[rows][is_empty]] = True
        of_filled[names.codes[rows][~is_empty]] = True
    return int((of_empty & of_filled).sum())


def _blocks(count: int) -> list[slice]:
    """All of some rows, in parts of which copies take little memory."""
    return [slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]


def _points(frame: Chunked, columns: Columns, order: NDArray[np.int64] | None, path: Path) -> Array:
    """(m d), the row `order[0]` first, and so on; the memory of the table where it has these columns alone."""
    if "geometry" in columns.roles:
        points = coordinates(frame[columns.roles["geometry"]], path)
        return points if order is None else points[order]
    axes = {axis: columns.roles[axis] for axis in ("x", "y", "z") if axis in columns.roles}
    if [frame.numbers.get(name) for name in axes.values()] == list(range(len(axes))):
        points = frame.values[:, : len(axes)] if frame.kept is None else frame.values[frame.kept, : len(axes)]
    else:
        points = np.stack([numbers(frame[name], path) for name in axes.values()], axis=1)
    for place, axis in enumerate(axes):
        if axis in columns.halves:
            points[:, place] += numbers(frame[columns.halves[axis]], path) / 2
        if order is not None:
            points[:, place] = points[order, place]
    return points


def numbers(column: "pd.Series[Any]", path: Path) -> Array:
    """A column of numbers (m), NaN where there is none."""
    if pd.api.types.is_bool_dtype(column):
        raise UserError(f"{path}: column {visible_name(column.name)}: got true and false, expected numbers")
    if is_number(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    numbers = _to_numeric(column)
    wrong = (numbers.isna() & _filled(column.astype(str).str.strip())).to_numpy()
    expected = (
        f"a number ({int(wrong.sum()):,} of {len(column):,} rows hold none); is it the right column? "
        "A missing number is empty or nan"
    )
    _refuse_first(column, wrong, expected, path)
    return numbers.to_numpy(np.float64, na_value=np.nan)


def _filled(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each of some texts (m), without spaces around them, stands for a value."""
    return texts.notna() & ~texts.str.lower().isin(NO_NAME)


def _to_numeric(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers (m), NaN where a value is none."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except OverflowError:  # an integer of more than 308 digits, which is refused with its track later
        return pd.to_numeric(column.where(column.astype(str).str.len() < LONGEST_NUMBER, np.inf), errors="coerce")


def _refuse_first(column: "pd.Series[Any]", wrong: NDArray[np.bool_], expected: str, path: Path) -> None:
    """Refuses the first value of a column that is `wrong` (m), if one is."""
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{path}: column {visible_name(column.name)}: got {visible_name(column.iloc[row])} in row "
            f"{column.index[row] + 1:,} of the data, expected {expected}"
        )


def _times(frame: Chunked, columns: Columns, path: Path, form: str | None) -> tuple[NDArray[Any] | None, str]:
    """Times (m): numbers, or dates as datetime64; and how dates were read, where that was not sure from the start."""
    if "time" not in columns.roles:
        if option := ("--clock" if "clock" in columns.roles else "--date-format" if form else ""):
            raise UserError(f"{path}: {option} needs a column of dates; name it with --time")
        return None, ""
    clock = columns.roles.get("clock")
    if columns.roles["time"] in frame.numbers and not clock and not form:
        return frame.array(columns.roles["time"]), ""
    values = frame[columns.roles["time"]]
    if pd.api.types.is_datetime64_any_dtype(values) and not clock:
        instants = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
        return instants.to_numpy(), ""
    texts = values.astype(str).str.strip()
    filled = _filled(texts)
    if clock:
        of_day = frame[clock].astype(str).str.strip()
        filled &= _filled(of_day)
        texts = (texts + " " + of_day).rename(f"{values.name} {clock}")
    if not filled.any() or (not form and not clock and _to_numeric(texts[filled].iloc[:1]).notna().all()):
        return numbers(values, path), ""
    read = dates.read(texts, filled.to_numpy(), form, f"{path}: column {visible_name(texts.name)}")
    _refuse_first(texts, (read.instants.isna() & filled).to_numpy(), read.expected, path)
    return read.instants.to_numpy(), read.guess
