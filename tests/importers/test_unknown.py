"""A file that no format is for: what it seems to be, and the way from there."""

import io
import pickle
import sqlite3
import zipfile

import pytest
from importing import imported, refusal


def zipped(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty; export it again"),
    (pickle.dumps({"a": 1}), "seems to be a pickle; pickles are never read: they can run programs"),
    (zipped("xl/workbook.xml"), "seems to be an Excel workbook; save the sheet as CSV there"),
    (zipped("content.xml"), "seems to be an OpenDocument file"),
    (zipped("trajectories.npy"), "seems to be a file of numpy arrays; rename it to end in .npz"),
    (zipped("archive/data.pkl"), "seems to be a checkpoint of PyTorch"),
    (zipped("readme"), "seems to be an archive; unpack it, then import the files in it"),
    (zipped("readme")[:30], "seems to be a damaged archive; copy or save it again"),
    (b"PAR1....", "seems to be a Parquet file; rename it to end in .parquet"),
    (b"\x1f\x8b\x08", "seems to be a packed file; unpack it: gunzip"),
    (b"SQLite format 3\0", "seems to be an SQLite database; write a table as CSV: sqlite3 -header -csv"),
    (b"\x89PNG", "seems to be an image; expected tracks"),
    (b"<?xml version='1.0'?><TrackMate/>", "seems to be an XML file; export its points as CSV: from TrackMate"),
    (b'{"a": 1}', "seems to be a JSON file; end it in .geojson, or in .jsonl"),
    (b"id,x,y\n1,2,3\n", "seems to be a text file; --format csv reads a table in it"),
    (b"\x00\x01\x02\x03", "got the ending .bin, expected one of the endings .csv, "),
])  # fmt: skip
def test_a_file_is_recognised_by_its_beginning(tmp_path, content, words):
    path = tmp_path / "tracks.bin"
    path.write_bytes(content)
    message = refusal(path)
    assert words in message
    assert "delete" not in message


def test_a_database_is_recognised_as_sqlite_writes_it(tmp_path):
    with sqlite3.connect(tmp_path / "tracks.db") as connection:
        connection.execute("create table points (x)")
    connection.close()
    assert "seems to be an SQLite database" in refusal(tmp_path / "tracks.db")


def test_the_format_may_be_named(tmp_path):
    path = tmp_path / "tracks.bin"
    path.write_text("id,x,y,label\n" + "".join(f"{at // 2},{at},{at},{at // 4}\n" for at in range(8)))
    assert refusal(path)
    assert imported(path, format="csv").labels == ["0", "0", "1", "1"]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "nowhere.csv: no such file" in refusal(tmp_path / "nowhere.csv")
