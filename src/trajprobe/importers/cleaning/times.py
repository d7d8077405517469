"""Times in seconds, in order, and what to do with points at the same time."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import Array, PointTable


def clean(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """The points of each track in the order of their times; those of one time in file order, and by `--repeated-times`.

    Raises:
        UserError: times repeat, and are to be refused; --fps is given, and there are no times.
    """
    if options.fps:
        times = table.positions if table.times is None else table.times
        note = f"times are seconds, at {options.fps:g} of the file's numbers each (--fps)"
        table = replace(table, times=times / options.fps, notes=(*table.notes, note))
    if table.times is None:
        return table
    disordered = _within(table, table.times, np.less)
    if disordered.any():
        tracks = np.unique(table.track[disordered])
        names = visible_names(table.track_names[tracks], 5)
        note = f"points of {several(len(tracks), 'track')} sorted by time ({names})"
        table = table.with_points(np.lexsort((table.times, table.track)), note)
    repeated = _within(table, np.asarray(table.times), np.equal)
    return _distinct(table, repeated, options, where) if repeated.any() else table


def _within(table: PointTable, times: Array, compare: np.ufunc) -> NDArray[np.bool_]:
    """(m), where `compare` holds of a point's time and that of the point before it in its track."""
    holds = np.zeros(len(times), np.bool_)
    compare(times[1:], times[:-1], out=holds[1:])
    holds[table.starts[table.lengths > 0]] = False
    return holds


def _distinct(table: PointTable, repeated: NDArray[np.bool_], options: ImportOptions, where: str) -> PointTable:
    """By the option, where a point is `repeated` (m): its time is that of the point before it."""
    tracks = np.unique(table.track[repeated])
    what = f"{several(int(repeated.sum()), 'point')} in {several(len(tracks), 'track')}"
    what += f" ({visible_names(table.track_names[tracks], 5)}) with the time of the point before"
    match options.repeated_times:
        case "refuse":
            raise UserError(
                f"{where}: {what}. Do track names repeat from file to file, or from scene to scene? Then name those "
                "columns too: --id SCENE --id TRACK. Else see --repeated-times"
            )
        case "keep":
            advice = "; --repeated-times mean makes one point of them" if not table.guesses else ""
            return replace(table, notes=(*table.notes, f"{what}{advice}"))
        case "first":
            return table.with_points(~repeated, f"{what}: left out")
        case "last":
            return table.with_points(~np.roll(repeated, -1), f"{what}: the last of each time is kept")
        case "mean":
            point = np.cumsum(~repeated) - 1
            counts = np.bincount(point)
            means = np.stack([np.bincount(point, axis) / counts for axis in table.points.T], axis=1)
            return replace(table.with_points(~repeated, f"{what}: each time has their mean"), points=means)
