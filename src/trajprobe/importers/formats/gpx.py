"""Format gpx: GPS tracks (GPX 1.0 and 1.1, https://www.topografix.com/gpx.asp), x longitude and y latitude in degrees.

A <trk> is a track. Its segments follow each other: what lies between them is a gap.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from trajprobe.errors import UserError, visible
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.track_list import instants, point_table

ENDINGS = (".gpx",)
OPTIONS = ("label", "z")


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a file. `--label` names an element of a track (`type`, `name`), `--z ele` takes the height too.

    Raises:
        UserError: it is no GPX file, or has no track of points.
    """
    try:
        root = ET.parse(path).getroot()  # noqa: S314 (expat bounds what entities expand to, and fetches nothing)
    except ET.ParseError as error:
        raise UserError(f"{path}: is no valid GPX ({visible(error, 200)}); export it again") from None
    found = [(track, track.findall("./{*}trkseg/{*}trkpt")) for track in root.iterfind("./{*}trk")]
    recorded = [(track, points) for track, points in found if points]
    if not recorded:
        routes = ", but routes or waypoints, which nobody recorded in time" if len(root) else ""
        raise UserError(f"{path}: got no <trk> with points{routes}; expected recorded tracks: export them as such")
    tracks = [np.array([_point(point, options, path) for point in points]) for _, points in recorded]
    texts = [[point.findtext("{*}time") for point in points] for _, points in recorded]
    times = [instants(of_track, path) for of_track in texts] if any(map(any, texts)) else None
    names = [track.findtext("{*}name") or str(number) for number, (track, _) in enumerate(recorded)]
    element = options.label or "type"
    labels = [track.findtext(f"{{*}}{element}", "").strip() for track, _ in recorded]
    guesses = (f"the class of a track is its <{element}>",) if any(labels) and not options.label else ()
    return point_table(
        tracks, names, times, labels=np.array(labels) if any(labels) else None, guesses=guesses, degrees=True
    )


def _point(point: ET.Element, options: ImportOptions, path: Path) -> list[float]:
    texts = [point.get("lon"), point.get("lat"), *([point.findtext(f"{{*}}{options.z}")] if options.z else [])]
    try:
        longitude, latitude, *height = [float(text) if text else np.nan for text in texts]
    except ValueError:
        raise UserError(f"{path}: got the point {visible(texts, 200)}, expected numbers; export it again") from None
    return [longitude, latitude, *height]
