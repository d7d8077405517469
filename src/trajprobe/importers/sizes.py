"""Tracks that are too short to be used."""

import numpy as np

from trajprobe.errors import UserError, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable


def enough_points(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """Without the tracks of fewer than `--min-points` points.

    Raises:
        UserError: no track is left; or a track has fewer than 2 points, and no --min-points was given.
    """
    short = table.lengths < (options.min_points or 2)
    if short.any() and options.min_points is None:
        names = visible_names(table.track_names[short], 5)
        raise UserError(
            f"{where}: {short.sum():,} of {len(table):,} tracks have fewer than 2 points that are not NaN (tracks "
            f"{names}); --min-points 2 leaves them out"
        )
    notes = [f"{short.sum():,} of {len(table):,} tracks left out: they have fewer than {options.min_points} points"]
    return _kept(table.with_tracks(~short, *notes * bool(short.any())), "--min-points", where)


def long_enough(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """Without the tracks of fewer than `--min-points` points, or of less than `--min-duration`.

    Raises:
        UserError: as above; or --min-duration was given, and there are no times.
    """
    table = enough_points(table, options, where)
    if not options.min_duration:
        return table
    if table.times is None:
        raise UserError(f"{where}: --min-duration needs times; name them with --time, or give --fps")
    durations = np.maximum.reduceat(table.times, table.starts) - np.minimum.reduceat(table.times, table.starts)
    brief = durations < options.min_duration
    notes = [f"{brief.sum():,} of {len(table):,} tracks left out: they last less than {options.min_duration:g}"]
    return _kept(table.with_tracks(~brief, *notes * bool(brief.any())), "--min-duration", where)


def _kept(table: PointTable, option: str, where: str) -> PointTable:
    if not len(table):
        raise UserError(f"{where}: {option} leaves no track; lower it")
    return table
