"""What a file's labels, groups, splits and times mean, whatever types a format or a tool keeps them in."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.point_table import PointTable

#: Numbers above are no longer all integers of a float64.
EXACT = 2.0**53


def decoded(table: PointTable, where: str) -> PointTable:
    """`table` with labels and groups (n) of integers or strings, split (n) of strings, and times (m) of float64.

    Labels that mean none become "" or NaN, whatever the type. `where` begins a message.

    Raises:
        UserError: what they mean can't be said.
    """
    labels, notes = table.labels, []
    if labels is not None and labels.ndim == 2 and labels.shape[1] > 1:
        labels = _one_hot(labels, where)
        notes.append(f"one-hot labels of {table.labels.shape[1]} classes read")  # type: ignore[union-attr]
    elif labels is not None:
        labels = _plain(labels, "labels", where)
        labels = labels.astype(np.str_) if labels.dtype.kind == "b" else labels
        if labels.dtype.kind == "f":
            labels = _whole(labels, "labels", where)
    label_names = None if table.label_names is None else _plain(table.label_names, "label_names", where)
    groups = None if table.groups is None else _plain(table.groups, "groups", where)
    if groups is not None and groups.dtype.kind in "fb":
        groups = _whole(groups.astype(np.float64), "groups", where)
        if groups.dtype.kind == "f":
            raise UserError(f"{where}: {int(np.isnan(groups).sum())} tracks have no group; give each track one")
    split = None if table.split is None else _split(_plain(table.split, "split", where))
    times = table.times
    if times is not None:
        times, note = _seconds(times, where)
        notes += note
    decoded_fields = {"labels": labels, "label_names": label_names, "groups": groups, "split": split, "times": times}
    return replace(table, notes=(*table.notes, *notes), **decoded_fields)  # type: ignore[arg-type]


def integers(texts: NDArray[np.str_]) -> NDArray[Any]:
    """Texts (n) as int64 where each is an integer, written in the usual way (3, -1); else as they are.

    Beside integers, empty texts and nan are NaN of a float64.
    """
    empty = np.isin(np.strings.lower(texts), ("", "nan"))
    filled = texts[~empty]
    try:
        numbers = filled.astype(np.int64)
    except (ValueError, OverflowError):
        return texts
    if not len(filled) or (numbers.astype(np.str_) != filled).any():
        return texts
    if not empty.any():
        return numbers
    if np.abs(numbers).max() > EXACT:
        return texts
    values = np.full(len(texts), np.nan)
    values[~empty] = numbers
    return values


def _plain(values: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    """`values` (n) or (n 1) as (n) numbers or strings."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise UserError(f"{where}: got `{name}` {values.shape}, expected one value for each track")
    if values.dtype.kind == "O":
        values = np.array([_text(value, name, where) for value in values], dtype=np.str_)
    elif values.dtype.kind == "S":
        try:
            values = np.strings.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{where}: got `{name}` of bytes that are no UTF-8 text; save them as strings") from None
    if values.dtype.kind not in "iufbU":
        raise UserError(f"{where}: got `{name}` of {values.dtype}, expected integers or strings; use .astype")
    return values


def _text(value: object, name: str, where: str) -> str:
    """One of a column of Python objects: a missing one is "nan"."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{where}: got `{name}` of bytes that are no UTF-8 text; save them as strings") from None
    if value is None or isinstance(value, str | int | float | np.generic):
        return "" if value is None else str(value)
    raise UserError(f"{where}: got `{name}` of {type(value).__name__}, expected integers or strings")


def _one_hot(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """The column of the 1 in each row (n k); NaN for a row of zeros."""
    ones = labels == 1
    if labels.dtype.kind not in "iufb" or not (ones | (labels == 0)).all() or (ones.sum(1) > 1).any():
        raise UserError(
            f"{where}: got `labels` {labels.shape}, expected one label for each track, or rows with a single 1 among 0s"
        )
    indices = ones.argmax(1)
    return indices if ones.any(1).all() else np.where(ones.any(1), indices, np.nan)


def _whole(values: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    """Floats (n) that are integers, as int64; with NaN among them they stay floats."""
    real = values[~np.isnan(values)]
    fractions = real[(real != np.round(real)) | (np.abs(real) > EXACT)]
    if len(fractions):
        example = visible_name(fractions[0])
        raise UserError(f"{where}: got `{name}` with fractions ({example}), expected integers or names")
    return values if len(real) < len(values) else values.astype(np.int64)


def _split(split: NDArray[Any]) -> NDArray[Any]:
    """`Train` and `TEST` are `train` and `test`; any other value stays."""
    if split.dtype.kind != "U":
        return split
    small = np.strings.lower(np.strings.strip(split))
    return np.where(np.isin(small, ("train", "test")), small, split)


def _seconds(times: NDArray[Any], where: str) -> tuple[NDArray[np.float64], list[str]]:
    """Numbers as they are; dates as seconds since the first of them, and a note that says so."""
    if times.dtype.kind == "m":
        return times / np.timedelta64(1, "s"), ["times are seconds"]
    if times.dtype.kind != "M":
        if times.dtype.kind not in "fiu":
            raise UserError(f"{where}: got `times` of {times.dtype}, expected numbers (seconds, say) or dates")
        return times.astype(np.float64, copy=False), []
    real = times[~np.isnat(times)]
    if not len(real):
        raise UserError(f"{where}: no point has a time; name the right one with --time, or leave times out")
    # Nanoseconds of a date do not fit into a float64; those since the first date do, for a hundred days.
    seconds = (times - real.min()) / np.timedelta64(1, "s")
    return seconds, [f"times are seconds since {visible_names([real.min()])}"]
