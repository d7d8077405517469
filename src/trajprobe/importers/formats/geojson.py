"""Format geojson: lines (RFC 7946) and moving points (OGC Moving Features JSON); x longitude and y latitude in degrees.

A LineString or MultiLineString is a track. Its times stand in its properties as `coordTimes` (togeojson) or `times`, or
in a `temporalGeometry` as `datetimes`. Its class, group and split are properties too, named by options. Points that
stand one by one are a table: their properties are its columns, as movingpandas and geopandas write them.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.files.reading import read_json
from trajprobe.importers import table_file
from trajprobe.importers.chunked import chunked
from trajprobe.importers.options import TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.track_list import instants, point_table

ENDINGS = (".geojson",)
OPTIONS = TABLE
#: Where the times of a line stand, by program.
TIMES = ("coordTimes", "times", "datetimes")


class _Line(NamedTuple):
    coordinates: list[Any]
    times: list[Any] | None
    properties: dict[str, Any]


def read(path: Path, options: ImportOptions) -> PointTable:
    """The lines of a file as tracks, or its points as rows of a table; the options name properties.

    Raises:
        UserError: it is no GeoJSON, or has no lines.
    """
    content = read_json(path, "no such file", "export it again")
    try:
        lines = list(_lines(content, path))
        if not lines:
            return _table(content, path, options)
    except (AttributeError, KeyError, TypeError):  # a list where an object is due, or the like
        raise UserError(f"{path}: is JSON, but no valid GeoJSON; export it again") from None
    dimensions = 3 if options.z else 2
    tracks = [_points(line.coordinates, dimensions, path) for line in lines]
    times = [_times(line, len(track), path) for line, track in zip(lines, tracks, strict=True)]
    if any(stamps is None for stamps in times) and any(stamps is not None for stamps in times):
        raise UserError(f"{path}: got times for some lines only, expected them for all or none; leave the others out")
    named = {
        "labels": options.label,
        "groups": options.group,
        "split": options.split,
    }
    if options.on:  # the others name columns of the second table
        named = {key: name for key, name in named.items() if any(name in line.properties for line in lines)}
    columns = {key: _column(lines, name, path) for key, name in named.items() if name}
    names = _column(lines, options.id[0], path) if options.id else np.arange(len(lines)).astype(np.str_)
    stamped = [stamps for stamps in times if stamps is not None]
    return point_table(tracks, names.tolist(), stamped or None, degrees=True, **columns)


def _table(content: Any, path: Path, options: ImportOptions) -> PointTable:
    """The points that stand one by one, with their properties as columns."""
    features = content["features"] if content["type"] == "FeatureCollection" else []
    points = [feature for feature in features if (feature.get("geometry") or {}).get("type") == "Point"]
    if not points:
        raise UserError(f"{path}: got no LineString and no Point, expected lines as tracks or points with an id")
    places = _points([point["geometry"]["coordinates"] for point in points], 2, path)
    frame = pd.DataFrame([point.get("properties") or {} for point in points])
    frame["longitude"], frame["latitude"] = places.T
    file = table_file.TableFile(
        [str(name) for name in frame.columns], lambda names, numbers: chunked([frame], names, numbers)
    )
    return table_file.read(file, path, options)


def _lines(node: Any, path: Path) -> Iterable[_Line]:
    """All lines of a GeoJSON value."""
    kind = node.get("type") if isinstance(node, dict) else type(node).__name__
    if kind == "FeatureCollection" and isinstance(node.get("features"), list):
        return chain.from_iterable(_lines(feature, path) for feature in node["features"])
    if kind != "Feature":
        raise UserError(f"{path}: got {visible_name(kind)}, expected a FeatureCollection; export it again")
    properties = node.get("properties") or {}
    moving, geometry = node.get("temporalGeometry") or {}, node.get("geometry") or {}
    if moving.get("type") == "MovingPoint":
        return [_Line(moving["coordinates"], moving["datetimes"], properties)]
    times = next((properties[key] for key in TIMES if properties.get(key)), None)
    if geometry.get("type") == "LineString":
        return [_Line(geometry["coordinates"], times, properties)]
    if geometry.get("type") == "MultiLineString":
        if times and all(isinstance(part, list) for part in times):
            times = list(chain.from_iterable(times))
        return [_Line(list(chain.from_iterable(geometry["coordinates"])), times, properties)]
    return []


def _points(coordinates: Any, dimensions: int, path: Path) -> NDArray[np.float64]:
    try:
        return np.array([point[:dimensions] for point in coordinates], dtype=np.float64).reshape(-1, dimensions)
    except (TypeError, ValueError):
        raise UserError(
            f"{path}: got a line without {dimensions} numbers a point, expected [longitude, latitude] or, with --z, "
            "[longitude, latitude, height]; export it again"
        ) from None


def _times(line: _Line, count: int, path: Path) -> NDArray[Any] | None:
    if line.times is None:
        return None
    if len(line.times) != count:
        raise UserError(f"{path}: got {len(line.times)} times for a line of {count} points, expected one a point")
    if all(isinstance(time, int | float) for time in line.times):
        return np.array(line.times, dtype=np.float64)
    return instants([str(time) for time in line.times], path)


def _column(lines: list[_Line], name: str, path: Path) -> NDArray[np.str_]:
    """A property of each line (n)."""
    for line in lines:
        if name not in line.properties:
            raise UserError(f"{path}: a line has no property {name}, got {visible_names(line.properties)}")
    return np.array([str(line.properties[name]) for line in lines])
