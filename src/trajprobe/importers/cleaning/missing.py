"""Points that are missing: NaN, or a number that stands for it, such as -999, or zeros behind the end of a track."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trajprobe.data import end_marks
from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.classes import NONE
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: The value of `--missing` by which zeros at the end of a track are no points of it.
PADDING = "padding"
#: Numbers that stand for a missing point in many programs, where no other point lies so far out.
MARKS = (-1, -99, 99, -999, 999, -9999, 9999, -99999, 99999, -999999, 999999)


def clean(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """Without the points that are missing; a table without times gets the points' places, so that gaps stay gaps.

    Of a mark other than 0 one coordinate is enough. 0 is an ordinary coordinate: it marks a point where all are 0.
    `padding` is zeros at the end of a track alone.

    Raises:
        UserError: an option is no number; or none was given, and many points lie on what looks like a mark.
    """
    marks = [_number(text) for text in options.missing if text not in (NONE, PADDING)]
    marked = _padding(table) if PADDING in options.missing else np.zeros(len(table.points), np.bool_)
    for mark in marks:
        equal = table.points == mark
        marked |= equal.any(1) if mark else equal.all(1)
    if not options.missing:
        _check(table, where)
    gone = marked | np.isnan(table.points).any(1)
    if table.times is None and gone.any():
        table = replace(table, times=table.positions.astype(np.float64))
    if table.times is not None:
        gone |= np.isnan(table.times)
    if not gone.any():
        return table
    notes = []
    if marked.any():
        tracks = len(np.unique(table.track[marked]))
        values = " or ".join(
            "zeros at the end" if text == PADDING else text for text in options.missing if text != NONE
        )
        points = several(int(marked.sum()), "point")
        notes.append(f"{points} in {several(tracks, 'track')} left out: {values}, which means missing")
    if inside := int(_inside(table, gone & ~marked).sum()):
        tracks = len(np.unique(table.track[_inside(table, gone & ~marked)]))
        points = several(inside, "missing point")
        notes.append(f"{points} within {several(tracks, 'track')}, crossed in a straight line")
    return table.with_points(~gone, *notes)


def _inside(table: PointTable, gone: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the points that are `gone` (m) have one that is not before them and one behind them in their track."""
    counted = np.concatenate([[0], np.cumsum(~gone)])
    before = counted[:-1] - counted[table.starts[table.track]]
    total = (counted[table.starts + table.lengths] - counted[table.starts])[table.track]
    return gone & (before > 0) & (before < total)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--missing: got {visible_name(text)}, expected a number, {PADDING}, or {NONE}") from None


def _check(table: PointTable, where: str) -> None:
    """Refuses points that look like marks of missing ones."""
    points = table.points
    same = (points == points[:, :1]).all(1) & np.isfinite(points[:, 0])
    values, counts = np.unique(points[same, 0], return_counts=True)
    for value in values[(counts > 1) & np.isin(values, MARKS)]:
        mark = same & (points[:, 0] == value)
        others = points[~mark & np.isfinite(points).all(1)]
        if len(others) and ((value < others.min(0)) | (value > others.max(0))).all():
            _refuse(table, mark, f"{value:g}", "further out than all others", where)
    zero = same & (points[:, 0] == 0)
    if zero.sum() > 1:
        far = zero & _far(table, zero)[table.track]
        if far.any():
            _refuse(table, far, "0", "further from the rest of their track than any step of it", where)
        counts = _zeros_at_end(table, zero)
        padded = end_marks.filled(
            table.lengths, counts, lambda track: table.points[table.starts[track] :][: table.lengths[track]]
        )
        if len(padded):
            ends = _padding(table) & np.isin(table.track, padded)
            steps = f"{table.lengths[0]} points"
            _refuse(table, ends, "0", f"and fill all tracks to {steps}", where, PADDING)


def _far(table: PointTable, zero: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tracks (n) with at least 2 points where `zero` (m), all steps to and from which are longer than the others."""
    inner = table.track[1:] == table.track[:-1]
    steps = np.linalg.norm(np.diff(table.points, axis=0), axis=1)
    longest = np.zeros(len(table))
    shortest = np.full(len(table), np.inf)
    regular = inner & ~zero[1:] & ~zero[:-1] & np.isfinite(steps)
    crossing = inner & (zero[1:] != zero[:-1]) & np.isfinite(steps)
    np.maximum.at(longest, table.track[1:][regular], steps[regular])
    np.minimum.at(shortest, table.track[1:][crossing], steps[crossing])
    zeros = np.bincount(table.track[zero], minlength=len(table))
    regulars = np.bincount(table.track[1:][regular], minlength=len(table))
    return (zeros > 1) & (regulars > 1) & (shortest > longest) & np.isfinite(shortest)


def _zeros_at_end(table: PointTable, zero: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many points at the end of each track (n) are `zero` (m)."""
    last = np.full(len(table), -1)
    others = np.flatnonzero(~zero)
    last[table.track[others]] = table.positions[others]  # of several the last one stays
    return table.lengths - 1 - last


def _padding(table: PointTable) -> NDArray[np.bool_]:
    """(m), which points are zeros at the end of a track that was elsewhere before."""
    counts = _zeros_at_end(table, (table.points == 0).all(1))
    counts[counts == table.lengths] = 0
    at_end: NDArray[np.bool_] = table.positions >= (table.lengths - counts)[table.track]
    return at_end


def _refuse(
    table: PointTable, mark: NDArray[np.bool_], value: str, why: str, where: str, option: str | None = None
) -> None:
    names = table.track_names[np.unique(table.track[mark])]
    raise UserError(
        f"{where}: {mark.sum():,} points in {several(len(names), 'track')} ({visible_names(names, 5)}) are {value} in "
        f"every coordinate, {why}: does it mean missing? --missing {option or value} leaves them out, "
        f"--missing {NONE} keeps them"
    )
