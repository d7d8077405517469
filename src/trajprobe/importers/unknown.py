"""What a file seems to be that no reader takes, and how to convert it: by its first bytes, then by its ending."""

import zipfile
from pathlib import Path
from typing import NamedTuple

from trajprobe.errors import UserError


class _Kind(NamedTuple):
    words: str  #: what such a file is
    remedy: str
    starts: tuple[bytes, ...] = ()  #: the first bytes, any of them
    endings: tuple[str, ...] = ()  #: of a name, for files that do not begin so


_PANDAS = "in Python: pandas.{}(FILE).to_csv('tracks.csv', index=False)"
_TRACK = (
    "track it first, with SLEAP or DeepLabCut (animals), TrackMate or trackpy (particles), and import what they save"
)
_OGR = "`ogr2ogr -f GeoJSON tracks.geojson FILE` converts it"
_PICKLE = (
    "where you trust it, load it yourself and save its arrays: numpy.savez('tracks.npz', trajectories=..., labels=...)"
)
#: The first that fits counts.
KINDS = (
    _Kind("a pickle, which may run any code and is never loaded", _PICKLE,
          (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), (".pkl", ".pickle", ".joblib")),
    _Kind("an Excel file", _PANDAS.format("read_excel"), (b"\xd0\xcf\x11\xe0",), (".xlsx", ".xls", ".ods")),
    _Kind("HDF5", "--format hdf5 reads it", (b"\x89HDF\r\n\x1a\n",)),
    _Kind("a MATLAB file", "--format mat reads it", (b"MATLAB 5.0", b"MATLAB 7.3")),
    _Kind("Parquet", "--format parquet reads it", (b"PAR1",)),
    _Kind("an array of numpy", "--format npz reads it", (b"\x93NUMPY",)),
    _Kind("an Arrow or Feather file", _PANDAS.format("read_feather"), (b"ARROW1", b"FEA1"), (".feather", ".arrow")),
    _Kind("a SQLite database or GeoPackage", f"save its table of points as CSV; {_OGR} where it has geometry",
          (b"SQLite format 3",), (".gpkg",)),
    _Kind("a video", _TRACK, (b"\x1aE\xdf\xa3", b"RIFF"), (".avi", ".mkv", ".mov", ".mp4", ".mpg", ".webm")),
    _Kind("an image", _TRACK, (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"), (".tif", ".tiff")),
    _Kind("a ROS bag", "save the topic of poses as CSV, with `rosbags` or `ros2 topic echo --csv`", (b"#ROSBAG",),
          (".bag", ".mcap", ".db3")),
    _Kind("a shapefile", _OGR, (b"\0\0\x27\x0a",), (".shp",)),
    _Kind("KML", f"{_OGR}, `gpsbabel -i kml -f FILE -o gpx -F tracks.gpx` keeps times", (), (".kml", ".kmz")),
    _Kind("a record of a sports watch", "`gpsbabel -i garmin_fit -f FILE -o gpx -F tracks.gpx` converts .fit, "
          "`-i gtrnctr` .tcx", (), (".fit", ".tcx")),
    _Kind("a file of R", "in R: write.csv(DATA, 'tracks.csv', row.names = FALSE)", (b"RDX", b"RDA"),
          (".rds", ".rda", ".rdata")),
    _Kind("C3D motion capture", "save its markers as CSV, from its program or with ezc3d", (b"\x02\x50", b"\x03\x50"),
          (".c3d",)),
    _Kind("a GPX file", "--format gpx reads it", (b"<gpx",)),
    _Kind("compressed", "unpack it first",
          (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!"), (".tgz", ".tar")),
    _Kind("a PDF", "save the table that it shows as CSV", (b"%PDF",)),
    _Kind("an npz file of numpy", "--format npz reads it"),
    _Kind("a zip of files", "unpack it first"),
    _Kind("GeoJSON", "--format geojson reads it"),
    _Kind("JSON", _PANDAS.format("read_json")),
    _Kind("XML", "save its points as CSV, with the columns id, time, x and y"),
    _Kind("text", "--format csv reads tables with a line a point: id, time, x, y, label"),
    _Kind("of no format that is recognised", "save its points as CSV, with the columns id, time, x, y and label"),
)  # fmt: skip
#: Bytes that are looked at.
START = 4096


def refused(path: Path) -> UserError:
    """What to say of a file whose ending belongs to no reader: what it seems to be, and how to convert it.

    Raises:
        OSError: it can't be read.
    """
    kind = _kind(path)
    return UserError(f"{path}: seems to be {kind.words}; {kind.remedy}")


def _kind(path: Path) -> _Kind:
    with path.open("rb") as file:
        start = file.read(START)
    by_words = {kind.words: kind for kind in KINDS}
    if start.startswith(b"PK"):
        return by_words[_zip(path)]
    if start[4:8] == b"ftyp":
        return by_words["a video"]
    if start[8:12] == b".FIT":
        return by_words["a record of a sports watch"]
    for kind in KINDS:
        if start.startswith(kind.starts) or path.suffix.lower() in kind.endings:
            return kind
    return by_words[_text(start)]


def _zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return "a zip of files"
    if "xl/workbook.xml" in names:
        return "an Excel file"
    if "doc.kml" in names:
        return "KML"
    return "an npz file of numpy" if any(name.endswith(".npy") for name in names) else "a zip of files"


def _text(start: bytes) -> str:
    """What a text is by how it begins; START may have cut its last letter."""
    try:
        text = start[:-3].decode("utf-8") if len(start) == START else start.decode("utf-8")
    except UnicodeDecodeError:
        return "of no format that is recognised"
    text = text.removeprefix("\ufeff").lstrip()
    if text.startswith(("{", "[")):
        return "GeoJSON" if '"FeatureCollection"' in text or '"Feature"' in text else "JSON"
    if text.startswith("<"):
        return "a GPX file" if "<gpx" in text else "KML" if "<kml" in text else "XML"
    return "text" if text and "\0" not in text else "of no format that is recognised"
