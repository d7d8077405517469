"""What a file that no reader takes seems to be, and how to convert it."""

from pathlib import Path
from zipfile import BadZipFile, ZipFile

from trajprobe.errors import UserError, visible_name
from trajprobe.importers import readers

PICKLE = "pickles are never read: they can run programs. Write a table or an npz where it was made"
#: Beginnings of files, what they are, and the way from there.
KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x93NUMPY", "a numpy array", "rename it to end in .npy"),
    (b"PAR1", "a Parquet file", "rename it to end in .parquet"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "rename it to end in .h5, or .mat where MATLAB wrote it"),
    (b"MATLAB 5.0", "a MATLAB file", "rename it to end in .mat"),
    (b"ARROW1", "an Arrow or Feather file", "pandas.read_feather(FILE).to_parquet('tracks.parquet') converts it"),
    (b"SQLite format 3", "an SQLite database", "write a table as CSV: sqlite3 -header -csv FILE 'select * from TABLE'"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV there"),
    (b"\x80\x02", "a pickle", PICKLE),
    (b"\x80\x03", "a pickle", PICKLE),
    (b"\x80\x04", "a pickle", PICKLE),
    (b"\x80\x05", "a pickle", PICKLE),
    (b"\x1f\x8b", "a packed file", "unpack it: gunzip FILE"),
    (b"BZh", "a packed file", "unpack it: bunzip2 FILE"),
    (b"\xfd7zXZ", "a packed file", "unpack it: unxz FILE"),
    (b"Rar!", "a packed archive", "unpack it, then import the files in it"),
    (b"7z\xbc\xaf", "a packed archive", "unpack it, then import the files in it"),
    (b"RDX", "an R file", "in R: write.csv(tracks, 'tracks.csv', row.names = FALSE)"),
    (b"%PDF", "a PDF", "find the table that it was made of"),
    (b"\x89PNG", "an image", "expected tracks: coordinates over time, as a tracker writes them"),
    (b"\xff\xd8\xff", "an image", "expected tracks: coordinates over time, as a tracker writes them"),
    (b"RIFF", "a video or sound", "expected tracks: coordinates over time, as a tracker writes them"),
    (b"<?xml", "an XML file", "export its points as CSV: from TrackMate, the table of spots; GPX files end in .gpx"),
    (b"<", "an XML or HTML file", "export its points as CSV"),
    (b"{", "a JSON file", "end it in .geojson, or in .jsonl where each line is an object"),
    (b"[", "a JSON file", "`jq -c '.[]' FILE > tracks.jsonl` makes lines of it, an object a line"),
)  # fmt: skip
#: Of zip archives, by a part of the name of a member.
ZIPPED: tuple[tuple[str, str, str], ...] = (
    (".npy", "a file of numpy arrays", "rename it to end in .npz"),
    ("xl/", "an Excel workbook", "save the sheet as CSV there, or pandas.read_excel(FILE).to_csv('tracks.csv')"),
    ("content.xml", "an OpenDocument file", "save the sheet as CSV there"),
    ("data.pkl", "a checkpoint of PyTorch", "save the tracks with numpy.savez where it was made"),
)
#: Bytes that are looked at.
START = 4096


def described(path: Path) -> str:
    """What the file seems to be and how to convert it; the end of an error's message."""
    endings = ", ".join(sorted(ending for name in readers.names() for ending in readers.by_name(name).ENDINGS))
    expected = f"expected one of the endings {endings}"
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); get access to it, or check the disk") from None
    if not start:
        return "is empty; export it again"
    if start.startswith(b"PK\x03\x04"):
        seems, way = _zipped(path)
    else:
        seems, way = next(((seems, way) for begin, seems, way in KINDS if start.lstrip().startswith(begin)), ("", ""))
    if not seems and b"\0" not in start:
        seems, way = (
            "a text file",
            "--format csv reads a table in it, a line a point, with its columns' names in the first line",
        )
    ending = visible_name(path.suffix or "none")
    if not seems:
        return f"got the ending {ending}, {expected}; write it as CSV, a line a point, where it was made"
    return f"seems to be {seems}; {way.replace('FILE', str(path))}"


def _zipped(path: Path) -> tuple[str, str]:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged archive", "copy or save it again"
    fits = ((seems, way) for part, seems, way in ZIPPED if any(part in name for name in names))
    return next(fits, ("an archive", "unpack it, then import the files in it"))
