"""What a file that no reader takes seems to be, and how to convert it: by its first bytes, then by its ending."""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from trajprobe.errors import UserError, visible_name
from trajprobe.importers import readers


class _Kind(NamedTuple):
    seems: str  #: what such a file is
    way: str  #: how to convert it
    starts: tuple[bytes, ...] = ()  #: its first bytes, any of these
    endings: tuple[str, ...] = ()  #: of the names of files that do not begin so
    offset: int = 0  #: where those bytes stand
    member: str = ""  #: in a zip archive: a part of the name of a member


_OGR = "ogr2ogr -f GeoJSON tracks.geojson FILE"
_TRACK = (
    "track it first, animals with SLEAP or DeepLabCut, particles with TrackMate or trackpy, and import what they save"
)
#: The first that fits counts.
KINDS = (
    _Kind("a pickle", "pickles are never read: they can run programs. Write a table or an npz where it was made",
          (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), (".pkl", ".pickle", ".joblib")),
    _Kind("a checkpoint of PyTorch", "save the tracks with numpy.savez where it was made", member="data.pkl"),
    _Kind("a file of numpy arrays", "--format npz reads it", member=".npy"),
    _Kind("a numpy array", "--format npy reads it", (b"\x93NUMPY",)),
    _Kind("an Excel workbook",
          "save the sheet as CSV there; or pip install openpyxl, and pandas.read_excel('FILE').to_csv('tracks.csv')",
          (b"\xd0\xcf\x11\xe0",), (".xls",), member="xl/"),
    _Kind("an OpenDocument file", "save the sheet as CSV there", member="content.xml"),
    _Kind("a MATLAB file", "--format mat reads it", (b"MATLAB 5.0", b"MATLAB 7.3")),
    _Kind("an HDF5 file", "--format hdf5 reads it", (b"\x89HDF\r\n\x1a\n",)),
    _Kind("a Parquet file", "--format parquet reads it", (b"PAR1",)),
    _Kind("an Arrow or Feather file", "pandas.read_feather('FILE').to_parquet('tracks.parquet') converts it",
          (b"ARROW1", b"FEA1"), (".feather", ".arrow")),
    _Kind("a GeoPackage", f"`{_OGR}` converts it", (), (".gpkg",)),
    _Kind("an SQLite database", "write a table as CSV: sqlite3 -header -csv FILE 'select * from TABLE'",
          (b"SQLite format 3",)),
    _Kind("KML", f"`{_OGR}` converts it, or with its times `gpsbabel -i kml -f FILE -o gpx -F tracks.gpx`", (),
          (".kml", ".kmz"), member="doc.kml"),
    _Kind("a record of a sports watch", "`gpsbabel -i garmin_fit -f FILE -o gpx -F tracks.gpx` converts it", (b".FIT",),
          (".fit",), 8),
    _Kind("a record of a sports watch", "`gpsbabel -i gtrnctr -f FILE -o gpx -F tracks.gpx` converts it", (),
          (".tcx",)),
    _Kind("a shapefile", f"`{_OGR}` converts it", (b"\0\0\x27\x0a",), (".shp",)),
    _Kind("a ROS bag", "write the topic of poses as CSV: ros2 topic echo --csv TOPIC, while it is played",
          (b"#ROSBAG", b"\x89MCAP"), (".bag", ".mcap", ".db3")),
    _Kind("motion capture in C3D", "save its markers as CSV or TRC in the program that made it", (), (".c3d",)),
    _Kind("an R file", "in R: write.csv(tracks, 'tracks.csv', row.names = FALSE)", (b"RDX", b"RDA"),
          (".rds", ".rda", ".rdata")),
    _Kind("a video", _TRACK, (b"ftyp",), (".avi", ".mkv", ".mov", ".mp4", ".mpg", ".webm"), 4),
    _Kind("an image", _TRACK, (b"WEBP",), (".webp",), 8),
    _Kind("a video or sound", _TRACK, (b"RIFF", b"\x1aE\xdf\xa3")),
    _Kind("an image", _TRACK, (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"), (".tif", ".tiff")),
    _Kind("a packed file", "unpack it: gunzip FILE", (b"\x1f\x8b",)),
    _Kind("a packed file", "unpack it: bunzip2 FILE", (b"BZh",)),
    _Kind("a packed file", "unpack it: unxz FILE", (b"\xfd7zXZ",)),
    _Kind("a packed file", "unpack it: unzstd FILE", (b"\x28\xb5\x2f\xfd",)),
    _Kind("an archive", "unpack it, then import the files in it", (b"PK\3\4", b"Rar!", b"7z\xbc\xaf"),
          (".tar", ".tgz")),
    _Kind("a PDF", "find the table that it was made of", (b"%PDF",)),
    _Kind("a GPX file", "--format gpx reads it", (b"<gpx",)),
    _Kind("an XML file", "write its points as CSV: from TrackMate, the table of spots; --format gpx reads GPX",
          (b"<?xml",)),
    _Kind("an XML or HTML file", "write its points as CSV", (b"<",)),
    _Kind("a JSON file", "--format geojson reads GeoJSON, --format json_lines an object a line", (b"{",)),
    _Kind("a JSON file", "`jq -c '.[]' FILE > tracks.jsonl` makes lines of it, an object a line", (b"[",)),
)  # fmt: skip
#: Bytes that are looked at.
START = 4096


def described(path: Path) -> str:
    """What the file seems to be and how to convert it; the end of an error's message.

    Raises:
        UserError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); get access to it, or check the disk") from None
    if not start:
        return "is empty; export it again"
    members = _members(path) if start.startswith(b"PK\3\4") else []
    if members is None:
        return "seems to be a damaged archive; copy or save it again"
    if kind := next((kind for kind in KINDS if _fits(kind, path, start, members)), None):
        return f"seems to be {kind.seems}; {kind.way.replace('FILE', visible_name(path))}"
    if b"\0" not in start:
        return (
            "seems to be a text file; --format csv reads a table in it, a line a point, with its columns' names in the "
            "first line"
        )
    endings = ", ".join(sorted(ending for name in readers.names() for ending in readers.by_name(name).ENDINGS))
    return (
        f"got the ending {visible_name(path.suffix or 'none')}, expected one of {endings}; write it as CSV, a line a "
        "point, where it was made"
    )


def _fits(kind: _Kind, path: Path, start: bytes, members: list[str]) -> bool:
    if kind.member and any(kind.member in name for name in members):
        return True
    beginning = start[kind.offset :] if kind.offset else start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return beginning.startswith(kind.starts) or path.suffix.lower() in kind.endings


def _members(path: Path) -> list[str] | None:
    """The names of the files in a zip archive; None where it is damaged."""
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):  # ZipFile raises any of them where bytes are damaged
        return None
