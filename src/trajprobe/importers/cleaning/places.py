"""Degrees and pixels: longitude and latitude in metres, coordinates times a factor."""

from dataclasses import replace

import numpy as np

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import Array, PointTable

#: Mean radius of the Earth in metres (R1 of GRS 80; Moritz 2000, Geodetic Reference System 1980, J. Geodesy 74, 128).
RADIUS = 6_371_008.8


def clean(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """Coordinates in metres where they were degrees, and times `--scale`.

    Raises:
        UserError: degrees are out of their range; factors are no numbers; or x leaps by a whole turn, and no option
            says whether x is a longitude.
    """
    if options.lonlat or (options.lonlat is None and table.degrees):
        table = _projected(table, where)
    elif options.lonlat is None:
        _check_leaps(table, where)
    if options.scale:
        note = f"coordinates are those of the file times {options.scale} (--scale)"
        table = replace(table, points=table.points * _factors(table, options.scale), notes=(*table.notes, note))
    return table


def _projected(table: PointTable, where: str) -> PointTable:
    """Longitude and latitude (m 2 of m d), degrees, as metres east and north of the median point of the data set.

    x = R cos(lat0) (lon - lon0), y = R (lat - lat0): the equirectangular projection with the true scale at lat0
    (Snyder 1987, Map Projections: A Working Manual, USGS Professional Paper 1395, p. 90). Each track is unwrapped
    first, so that one that crosses the 180th meridian is no leap around the Earth.
    """
    longitude, latitude = table.points[:, 0], table.points[:, 1]
    wrong = (np.abs(longitude) > 360) | (np.abs(latitude) > 90)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        name = visible_name(table.track_names[table.track[row]])
        raise UserError(
            f"{where}: track {name} has longitude {longitude[row]:g} and latitude {latitude[row]:g}, expected degrees "
            "up "
            "to 360 and 90; is x the longitude? --x and --y name the columns, --no-lonlat takes them as they are"
        )
    # By angle: the median of longitudes on both sides of the 180th meridian would be on the other side. Wild points,
    # which are left out only later, move a median hardly at all.
    angles = np.radians(longitude)
    lon0 = np.degrees(np.arctan2(np.median(np.sin(angles)), np.median(np.cos(angles))))
    lat0 = np.median(latitude)
    turns = _turns(table)
    crossing = np.unique(table.track[turns != np.repeat(turns[table.starts], table.lengths)])
    unwrapped = longitude + 360 * turns
    unwrapped -= 360 * np.round((unwrapped[table.starts] - lon0) / 360)[table.track]
    cosine = np.cos(np.radians(lat0))
    metres = RADIUS * np.radians(np.stack([cosine * (unwrapped - lon0), latitude - lat0], axis=1))
    widest = np.cos(np.radians([latitude.min(), latitude.max()]))
    error = max(abs(cosine / np.maximum(widest, 1e-9) - 1))
    note = (
        f"longitude and latitude are metres east and north of {lon0:.4f}, {lat0:.4f} (equirectangular; lengths from "
        "west "
        f"to east are off by up to {100 * error:.2g} %)"
    )
    notes = [note]
    if len(crossing):
        notes.append(f"{several(len(crossing), 'track')} across the 180th meridian unwrapped")
    return replace(table, points=np.concatenate([metres, table.points[:, 2:]], axis=1), notes=(*table.notes, *notes))


def _turns(table: PointTable) -> Array:
    """(m), by how many turns x is to be moved so that no step within a track is longer than half a turn."""
    steps = np.diff(table.points[:, 0], prepend=table.points[:1, 0])
    steps[table.starts] = 0
    turns: Array = -np.cumsum(np.round(steps / 360))
    return turns - turns[table.starts][table.track]


def _check_leaps(table: PointTable, where: str) -> None:
    """Refuses degrees that leap by a turn: the clips of such a track would show nothing else."""
    x, y = table.points[:, 0], table.points[:, 1]
    if y.min() < -90 or y.max() > 90 or x.min() < -180 or x.max() > 360 or x.max() - x.min() <= 180:
        return
    leaps = np.unique(table.track[_turns(table) != 0])
    if len(leaps):
        raise UserError(
            f"{where}: x leaps by a whole turn of 360 in {len(leaps)} tracks "
            f"({visible_names(table.track_names[leaps], 5)}): "
            "is it a longitude that crosses the 180th meridian? --lonlat unwraps it, and makes metres of x and y; "
            "--no-lonlat takes it as it is"
        )


def _factors(table: PointTable, text: str) -> Array:
    """The factors (1) or (d) of the coordinates."""
    dimensions = table.points.shape[1]
    try:
        factors = np.array([float(word) for word in text.replace(",", " ").split()])
    except ValueError:
        factors = np.empty(0)
    if len(factors) not in (1, dimensions) or not (np.isfinite(factors) & (factors > 0)).all():
        raise UserError(f"--scale: got {visible_name(text)}, expected a positive number, or {dimensions}: one an axis")
    return factors
