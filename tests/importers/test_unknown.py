"""A file that no reader takes: what it seems to be, and how to convert it; never that it is to be deleted."""

import sqlite3
import zipfile

import pytest
from importing import imported, refusal

from trajprobe.importers.readers import names
from trajprobe.importers.unknown import KINDS, described


@pytest.mark.parametrize(("name", "start", "words"), [
    ("a.bin", b"\x80\x04\x95", "a pickle; pickles are never read"),
    ("a.bin", b"\x93NUMPY\1\0", "a numpy array; --format npy reads it"),
    ("a.bin", b"MATLAB 5.0 MAT-file", "a MATLAB file; --format mat reads it"),
    ("a.bin", b"\x89HDF\r\n\x1a\n\0", "an HDF5 file; --format hdf5 reads it"),
    ("a.bin", b"PAR1\0", "a Parquet file; --format parquet reads it"),
    ("a.bin", b"SQLite format 3\0", "an SQLite database; write a table as CSV"),
    ("a.gpkg", b"SQLite format 3\0", "a GeoPackage; `ogr2ogr -f GeoJSON tracks.geojson a.gpkg`"),
    ("a.xls", b"\xd0\xcf\x11\xe0\0", "an Excel workbook; save the sheet as CSV"),
    ("a.mp4", b"\0\0\0\x18ftypisom", "a video; track it first"),
    ("a", b"\0\0\0\x18ftypisom", "a video; track it first"),
    ("a.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "an image; track it first"),
    ("a", b"RIFF\x24\0\0\0WEBPVP8L", "an image; track it first"),
    ("a.avi", b"RIFF\x24\0\0\0AVI LIST", "a video; track it first"),
    ("a.fit", b"\x0e\x10\0\0\0\0\0\0.FIT", "a record of a sports watch; `gpsbabel -i garmin_fit"),
    ("a.tcx", b"<?xml version='1.0'?><TrainingCenterDatabase>", "a record of a sports watch; `gpsbabel -i gtrnctr"),
    ("a.kml", b"<?xml version='1.0'?><kml>", "KML; `ogr2ogr"),
    ("a.xml", b"\xef\xbb\xbf<?xml version='1.0'?>", "an XML file; write its points as CSV: from TrackMate"),
    ("a.rds", b"\x1f\x8b\x08", "an R file; in R: write.csv"),
    ("a.bin", b"\x1f\x8b\x08", "a packed file; unpack it: gunzip a.bin"),
    ("a.json", b' {"a": 1}', "a JSON file; --format geojson"),
    ("a.log", b"1 2 3\n", "a text file; --format csv reads a table in it"),
])  # fmt: skip
def test_a_file_is_known_by_its_first_bytes_and_its_ending(tmp_path, monkeypatch, name, start, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(start)
    assert described(path.relative_to(tmp_path)).startswith(f"seems to be {words}")


@pytest.mark.parametrize(("member", "words"), [
    ("trajectories.npy", "a file of numpy arrays; --format npz"),
    ("xl/workbook.xml", "an Excel workbook"),
    ("doc.kml", "KML"),
    ("content.xml", "an OpenDocument file"),
    ("model/data.pkl", "a checkpoint of PyTorch"),
    ("notes.txt", "an archive; unpack it"),
])  # fmt: skip
def test_an_archive_is_known_by_what_is_in_it(tmp_path, member, words):
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as archive:
        archive.writestr(member, "")
    assert described(tmp_path / "a.bin").startswith(f"seems to be {words}")


def test_what_is_not_recognised_gets_the_endings_that_are(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"\0\1\2\3")
    text = described(tmp_path / "a.xyz")
    assert text.startswith("got the ending .xyz, expected one of .csv, ")
    assert text.endswith("write it as CSV, a line a point, where it was made")
    (tmp_path / "a.xyz").write_bytes(b"")
    assert described(tmp_path / "a.xyz") == "is empty; export it again"
    (tmp_path / "b.zip").write_bytes(b"PK\3\4 cut short")
    assert described(tmp_path / "b.zip") == "seems to be a damaged archive; copy or save it again"


def test_the_advice_names_formats_that_there_are_and_deletes_nothing():
    for kind in KINDS:
        words = kind.way.replace(";", " ").replace(",", " ").split()
        assert {words[place + 1] for place, word in enumerate(words) if word == "--format"} <= set(names()), kind
        assert "delete" not in kind.way


def test_a_database_is_recognised_as_sqlite_writes_it(tmp_path):
    with sqlite3.connect(tmp_path / "tracks.db") as connection:
        connection.execute("create table points (x)")
    connection.close()
    assert "tracks.db: seems to be an SQLite database" in refusal(tmp_path / "tracks.db")


def test_the_format_may_be_named(tmp_path):
    path = tmp_path / "tracks.bin"
    path.write_text("id,x,y,label\n" + "".join(f"{at // 2},{at},{at},{at // 4}\n" for at in range(8)))
    assert refusal(path)
    assert imported(path, format="csv").labels == ["0", "0", "1", "1"]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "nowhere.csv: no such file" in refusal(tmp_path / "nowhere.csv")
