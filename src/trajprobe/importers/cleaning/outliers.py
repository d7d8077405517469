"""Single wild points: those far out of their track, or reached at an impossible speed. Both bounds are robust.

place   A coordinate beyond the quartiles of its track by more than K interquartile ranges. K = 3 are the outer fences
        of Tukey 1977, Exploratory Data Analysis, section 2D. A track that mostly stands still has no range of its own:
        the median range of the data set is the least.
speed   The root mean square of the speeds to the two points before and the two behind, beyond K times the 95th
        percentile of all speeds. Of neighbouring points beyond the bound the fastest goes, then speeds are taken anew,
        until none is left (McConnell, Chambers and Fedak 1992, Antarctic Science 4, 393: their filter for satellites'
        fixes).
"""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import Array, PointTable

#: A track of which more points lie beyond the bound moves so: it is left as it is. Quartiles are robust up to here.
SHARE = 0.25
#: The speed that other speeds are compared with: a quantile that single wild points do not move.
QUANTILE = 0.95
#: Speeds are no larger: finite numbers.
FASTEST = 1e308
#: Points that are listed.
SHOWN = 10


def clean(table: PointTable, options: ImportOptions, where: str) -> PointTable:  # noqa: ARG001 (as every step's)
    """Without the points beyond the bound, all of them named up to `SHOWN`."""
    if options.outliers is None:
        return table
    beyond = (_places if options.outliers == "place" else _speeds)(table, options.outlier_bound)
    share = np.bincount(table.track[beyond], minlength=len(table)) / np.maximum(table.lengths, 1)
    moving = share > SHARE
    beyond &= ~moving[table.track]
    notes = []
    if moving.any():
        names = ", ".join(map(visible_name, table.track_names[moving][:5]))
        notes.append(
            f"{several(int(moving.sum()), 'track')} kept, of which over a quarter lies beyond --outliers: {names}"
        )
    if beyond.any():
        tracks = len(np.unique(table.track[beyond]))
        notes.append(
            f"{several(int(beyond.sum()), 'point')} in {several(tracks, 'track')} left out by --outliers "
            f"{options.outliers}: "
            f"{_named(table, np.flatnonzero(beyond))}"
        )
    return table.with_points(~beyond, *notes)


def _named(table: PointTable, rows: NDArray[np.int64]) -> str:
    names = []
    for row in rows[:SHOWN]:
        at = table.positions[row] if table.times is None else table.times[row]
        place = ", ".join(f"{value:.6g}" for value in table.points[row])
        names.append(f"track {visible_name(table.track_names[table.track[row]])} at {at:.10g} ({place})")
    return "; ".join(names) + f" and {len(rows) - SHOWN:,} more" * (len(rows) > SHOWN)


def _places(table: PointTable, bound: float) -> NDArray[np.bool_]:
    """(m), which points lie out of their track's fences on an axis."""
    beyond = np.zeros(len(table.points), np.bool_)
    for axis in table.points.T:
        low, high = (_quantile(table, axis, share) for share in (0.25, 0.75))
        spread = np.maximum(high - low, np.median(high - low))
        out = (axis < (low - bound * spread)[table.track]) | (axis > (high + bound * spread)[table.track])
        beyond |= out
    return beyond


def _quantile(table: PointTable, values: Array, share: float) -> Array:
    """(n), a quantile of the `values` (m) of each track, between its points in a straight line."""
    ordered = values[np.lexsort((values, table.track))]
    place = share * np.maximum(table.lengths - 1, 0)
    low = np.minimum(table.starts + place.astype(np.int64), len(values) - 1)
    high = np.minimum(low + (place % 1 > 0), len(values) - 1)
    quantile: Array = ordered[low] + (place % 1) * (ordered[high] - ordered[low])
    return quantile


def _speeds(table: PointTable, bound: float) -> NDArray[np.bool_]:
    """(m), which points are too fast."""
    kept = np.arange(len(table.points))
    speeds = _speed(table, kept, 1)
    moving = speeds[np.isfinite(speeds) & (speeds > 0)]
    if not len(moving):
        return np.zeros(len(kept), np.bool_)
    limit = bound * np.quantile(moving, QUANTILE)
    while True:
        squares, by_lag = np.zeros(len(kept)), [_speed(table, kept, lag) for lag in (1, 2)]
        fastest = max(of_lag.max() for of_lag in by_lag) or 1.0
        for lag, of_lag in enumerate(by_lag, 1):
            square = (of_lag / fastest) ** 2  # of wild numbers themselves the square would overflow
            squares[lag:] += square
            squares[:-lag] += square
        rate = fastest * np.sqrt(squares / 4)
        peak = (rate > limit) & (rate >= np.append(rate[1:], 0)) & (rate >= np.append(0, rate[:-1]))
        # Of two neighbours that are equally fast one goes, lest both do where one is wild.
        peak[1:] &= ~peak[:-1]
        if not peak.any():
            gone = np.ones(len(table.points), np.bool_)
            gone[kept] = False
            return gone
        kept = kept[~peak]
        if len(kept) < 3:
            raise UserError("--outliers speed: no point is left; choose a larger --outlier-bound")


def _speed(table: PointTable, kept: NDArray[np.int64], lag: int) -> Array:
    """Speeds (m - lag) between the points `kept` (m) and those `lag` behind; 0 from one track to another."""
    points, track = table.points[kept], table.track[kept]
    times = kept.astype(np.float64) if table.times is None else table.times[kept]
    elapsed = times[lag:] - times[:-lag]
    inside = (track[lag:] == track[:-lag]) & (elapsed > 0)
    with np.errstate(over="ignore"):  # of wild numbers
        distance = reduce(np.hypot, (points[lag:] - points[:-lag]).T)  # not by squares, which overflow sooner
        speed = distance / np.where(inside, elapsed, 1)
    return np.where(inside, np.minimum(speed, FASTEST), 0.0)
