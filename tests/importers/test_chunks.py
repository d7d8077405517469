"""Tables are read chunk by chunk: what they hold does not depend on where a chunk ends, and is in memory once."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from importing import imported, refusal

from trajprobe.importers import chunked, long_table, several
from trajprobe.importers.formats import csv, json_lines, parquet
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

HEADER = "id,t,x,y,label"
ROWS = [
    f"{track},{time},{10 * track + time},{time / 4 if time else 7},{'walk' if track % 2 else 'run'}"
    for time in (0, 2, 1)
    for track in (0, 1, 2, 3)
]
POINTS = {str(track): [[10 * track, 7], [10 * track + 1, 0.25], [10 * track + 2, 0.5]] for track in range(4)}


def set_rows(monkeypatch, rows):
    """Chunks of so many rows."""
    for module in (csv, json_lines, parquet, long_table, chunked):
        monkeypatch.setattr(module, "ROWS", rows)


@pytest.fixture(params=[1, 2, 5])
def small_chunks(request, monkeypatch):
    set_rows(monkeypatch, request.param)


@pytest.mark.usefixtures("small_chunks")
class TestSmallChunks:
    def test_points_in_any_order_come_to_their_places(self, table):
        result = imported(table(HEADER, *ROWS))
        assert result.points == POINTS
        assert result.labels == ["run", "walk", "run", "walk"]
        assert result.times["3"] == [0, 1, 2]

    def test_parquet_and_json_lines_have_chunks_too(self, tmp_path):
        frame = pd.DataFrame([row.split(",") for row in ROWS], columns=HEADER.split(","))
        frame = frame.astype({"id": "int32", "t": "float32", "x": float, "y": float})
        frame.to_parquet(tmp_path / "a.parquet")
        frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
        for name in ("a.parquet", "a.jsonl"):
            assert imported(tmp_path / name).points == POINTS

    def test_a_word_in_a_later_chunk_is_refused_with_its_row_in_the_file(self, table):
        rows = [",9,9,9,walk", *ROWS]
        rows[9] = "0,1,left,1,run"
        message = refusal(table(HEADER, *rows))
        assert "column x: got left in row 10 of the data, expected a number (1 of 12 rows hold none)" in message

    def test_points_of_no_track_are_left_out_of_every_chunk(self, table):
        result = imported(table(HEADER, ",9,9,9,walk", *ROWS[:6], "None,9,9,9,run", *ROWS[6:], ",8,8,8,"))
        assert result.points == POINTS
        assert "3 points left out" in result.notes

    def test_numbers_that_some_chunks_have_as_words_are_numbers(self, table):
        assert imported(table(HEADER, *ROWS[:8], *(row.replace(",7,", ",0x7,") for row in ROWS[8:]))).points == POINTS
        rows = [row.replace(",1,", ", ,", 1) if row.startswith("2,1,") else row for row in ROWS]
        assert imported(table(HEADER, *rows)).times["2"] == [0, 2]

    def test_dates_have_chunks_too(self, table):
        rows = [f"{row[:2]}31/12/2024 10:00:0{row[2:]}" for row in ROWS]
        assert imported(table(HEADER, *rows)).times["1"] == [0, 1, 2]

    def test_a_label_may_stand_in_one_row_of_a_track_and_two_are_refused(self, table):
        rows = [row if ",0," in row[:4] else row.rpartition(",")[0] + "," for row in ROWS]
        result = imported(table(HEADER, *rows))
        assert result.labels == ["run", "walk", "run", "walk"]
        assert "4 tracks have points without a label" in result.notes
        rows[7] = rows[7] + "swim"
        assert "1 tracks have two values in label, expected one each: track 3 has walk and swim" in refusal(
            table(HEADER, *rows)
        )

    def test_half_a_box_is_added_to_its_corner(self, table):
        lines = [f"{time + 1},{track},{track},{time},4,8,1" for time in range(3) for track in range(4)]
        labels = table("id,class", *[f"{track},{'ab'[track % 2]}" for track in range(4)])
        result = imported(table(*lines, name="gt.txt"), labels=str(labels), on="id")
        assert result.points["3"] == [[5, 4], [5, 5], [5, 6]]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_in_memory_once(tmp_path, ending, shuffled, monkeypatch):
    set_rows(monkeypatch, 8192)
    generator, count, steps = np.random.default_rng(0), 2000, 100
    frame = pd.DataFrame(generator.normal(size=(count * steps, 3)), columns=list("xyz"))
    frame["id"], frame["t"] = np.divmod(np.arange(count * steps), steps)
    frame["label"] = np.where(frame["id"] % 2, "walk", "run")
    frame = frame.sort_values("t", kind="stable") if shuffled else frame
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    frame.to_csv(tmp_path / "a.csv", index=False, float_format="%.3f")
    del frame
    several.read((tmp_path / f"a.{ending}",), ImportOptions())  # so that what is imported now does not count
    tracemalloc.start()
    table = several.read((tmp_path / f"a.{ending}",), ImportOptions())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    tracks = 4 * 8 * count * steps  # three coordinates and a time
    assert len(table.points) == count * steps
    assert peak < 2.8 * tracks, peak / tracks


def test_tracks_of_one_length_are_no_copy_of_the_points_and_others_are_padded():
    points, times = np.arange(24.0).reshape(12, 2), np.tile(np.arange(4.0), 3)
    alike = PointTable(points, np.repeat([0, 1, 2], 4), np.array(["a", "b", "c"]), times)
    arrays = alike.arrays(Path("a"))
    assert np.shares_memory(arrays["trajectories"], points)
    assert np.shares_memory(arrays["times"], times)
    np.testing.assert_array_equal(arrays["trajectories"], points.reshape(3, 4, 2))
    lengths = np.tile([3, 1, 4, 2], 700)  # more than are padded at a time
    rows = np.random.default_rng(0).normal(size=(lengths.sum(), 2))
    ragged = PointTable(rows, np.repeat(np.arange(2800), lengths), np.arange(2800).astype(str)).arrays(Path("a"))
    real = np.arange(4) < lengths[:, None]
    np.testing.assert_array_equal(ragged["trajectories"][real], rows)
    assert np.isnan(ragged["trajectories"][~real]).all()
