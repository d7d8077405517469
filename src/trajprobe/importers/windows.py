"""Windows: long tracks cut into pieces of one length, all of whose pieces are of one group, and so in one fold."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name
from trajprobe.files import memory
from trajprobe.importers.cleaning.gaps import check_unit, parted
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import Array, PointTable

#: A window's bounds are sums of decimal fractions, and a point that lies on one is not to miss it by rounding.
ROUNDING = 1e-9


def cut(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """The windows [k stride, k stride + window) of each track, from its first point on; what is left at its end goes.

    The track must go on at least to the end of a window, less one step: its median step, where windows are of time.

    Raises:
        UserError: there are no times, and windows are of time; or no track is as long as a window.
    """
    if options.window is None:
        return table
    by_time = options.window_in == "time" if options.window_in else table.times is not None
    clock = table.times if by_time else table.positions.astype(np.float64)
    if clock is None:
        raise UserError(f"{where}: --window-in time needs times; name them with --time")
    window, stride = options.window, options.stride or options.window
    if by_time and table.times is not None:
        check_unit("--window", window, table, where)
    if not by_time and (window % 1 or stride % 1):
        raise UserError(f"--window, --stride: got {window:g} and {stride:g}, expected whole numbers of points")
    elapsed = clock - clock[table.starts][table.track]
    last = elapsed[table.starts + table.lengths - 1]
    if not np.isfinite(last).all():
        track = visible_name(table.track_names[np.flatnonzero(~np.isfinite(last))[0]])
        raise UserError(f"{where}: track {track} has an infinite time; expected numbers, NaN where there is no point")
    step = last / (table.lengths - 1)
    windows = np.floor((last + step - window) / stride + ROUNDING).astype(np.int64) + 1
    windows = np.maximum(windows, 0)
    if not windows.any():
        unit = "of the file's time" if by_time else "points"
        raise UserError(
            f"{where}: --window: got {window:g} {unit}, and no track is as long: the longest has "
            f"{(last + step).max():g}"
        )
    copies = ceil(window / stride)
    memory.require(copies * 8 * 4 * len(elapsed), where, "choose a longer --stride")
    rows, pieces = _members(table, elapsed, windows, window, stride, copies)
    short = int((windows == 0).sum())
    every = f"{window:g} every {stride:g} {'' if by_time else 'points '}"
    notes = [f"{several(int(windows.sum()), 'window')} of {every}cut from tracks"]
    notes += [f"{short:,} of {len(table)} tracks left out: they are shorter than a window"] * bool(short)
    taken = table.with_points(rows)
    return parted(taken, np.unique(pieces, return_inverse=True)[1].astype(np.int64), "window", *notes)


def _members(
    table: PointTable, elapsed: Array, windows: NDArray[np.int64], window: float, stride: float, copies: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows (j) of all windows, window by window, and the number of each one's window, over all tracks."""
    first = np.cumsum(windows) - windows
    latest = np.floor(elapsed / stride + ROUNDING).astype(np.int64)
    rows, pieces = [], []
    for back in range(copies):
        number = latest - back
        fits = (number >= 0) & (number < windows[table.track]) & (elapsed < number * stride + window * (1 - ROUNDING))
        rows.append(np.flatnonzero(fits))
        pieces.append((first[table.track] + number)[fits])
    row, piece = np.concatenate(rows), np.concatenate(pieces)
    order = np.lexsort((row, piece))
    return row[order], piece[order]
