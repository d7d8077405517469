"""Malformed tables: whatever a file holds, it is read, or refused in one line; nothing else reaches the user.

A longer run: TRAJPROBE_CASES=2000 pytest tests/importers/test_malformed_tables.py
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from renderings import rendering

from trajprobe.clips.scene import framing, place
from trajprobe.data.canonical import canonical
from trajprobe.errors import UserError
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions

CASES = int(os.environ.get("TRAJPROBE_CASES", "100"))
NUMBERS = st.one_of(
    st.integers(-5, 500).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from(
        [
            "",
            "nan",
            "NA",
            "-",
            "1,5",
            "1e400",
            "-999",
            "0",
            "0x10",
            "1_000",
            "True",
            "\u0661",
            "9" * 400,
            "1e-320",
            "03/04/2024",
            "31/12/2024 23:59",
            "12:30:00",
            "2024-01-31T12:00:00Z",
            "0001-01-01",
            "May 5, 99",
        ]
    ),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["walk", "run", "walk ", "Walk", "", "nan", "-1", "1", "1.0", '"', '"a,b"', "'", "None", "\x1b[2J", "\\N"]
    ),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=6),
)
NAMES = [
    "id",
    "track_id",
    "t",
    "frame",
    "x",
    "y",
    "z",
    "label",
    "class",
    "group",
    "split",
    "lon",
    "lat",
    "",
    "x",
    "POSITION_X",
    "POSITION_Y",
    "TRACK_ID",
    "FRAME",
    "geometry",
]
OPTIONS = st.fixed_dictionaries({}, optional={
    "outliers": st.sampled_from(["place", "speed"]),
    "missing": st.sampled_from([("-999",), ("none",), ("0",), ("x",)]),
    "min_points": st.integers(2, 4),
    "min_per_class": st.integers(1, 2),
    "max_gap": st.floats(0.1, 10),
    "window": st.floats(0.5, 6),
    "stride": st.floats(0.1, 6),
    "window_in": st.sampled_from(["time", "points"]),
    "lonlat": st.booleans(),
    "repeated_times": st.sampled_from(["first", "last", "mean", "refuse"]),
    "fps": st.floats(0.1, 100),
    "scale": st.sampled_from(["2", "1 2", "0"]),
    "ignore_case": st.booleans(),
    "label": st.sampled_from(["label", "x", "t"]),
    "id": st.sampled_from([("id",), ("filename",), ("id", "label")]),
    "label_from": st.sampled_from(["filename", "folder", "tr{}", "{}_*"]),
    "date_format": st.sampled_from(["%d/%m/%Y", "%H", "%Q", "%Y%m%d %H:%M:%S"]),
    "clock": st.sampled_from(["t", "label"]),
})  # fmt: skip


@st.composite
def good_rows(draw):
    """Rows of a table that would go in, so that one change reaches what is behind the reader."""
    tracks, steps = draw(st.integers(4, 6)), draw(st.integers(2, 5))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    return [
        [
            str(track),
            str(step),
            f"{generator.normal():.3f}",
            f"{generator.normal():.3f}",
            "walk" if track % 2 else "run",
        ]
        for track in range(tracks)
        for step in range(steps)
    ]


@st.composite
def tables(draw):
    """The bytes of a table, its ending and the options."""
    if draw(st.booleans()):
        header, rows = ["id", "t", "x", "y", "label"], draw(good_rows())
        for _ in range(draw(st.integers(0, 3))):
            row = draw(st.sampled_from(rows))
            column = draw(st.integers(0, 4))
            row[column] = draw(TEXTS if column in (0, 4) else NUMBERS)
    else:
        header = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7))
        cell = st.one_of(NUMBERS, TEXTS)
        width = st.lists(cell, min_size=len(header), max_size=len(header))
        rows = draw(st.lists(draw(st.sampled_from([width, st.lists(cell, max_size=8)])), max_size=12))
    separator = draw(st.sampled_from([",", ";", "\t", " ", "|"]))
    lines = [separator.join(row) for row in ([header] if draw(st.integers(0, 5)) else []) + rows]
    data = bytearray(draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines).encode(errors="replace"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 4]))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    ending = draw(
        st.sampled_from([".csv", ".csv", ".csv", ".txt", ".tsv", ".csv.gz", ".jsonl", ".parquet", ".npy", ".npz", ".x"])
    )
    return bytes(data), ending, draw(OPTIONS)


@pytest.mark.harm("hostile files")
@settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=CASES == 100, database=None
)
@given(tables())
def test_a_malformed_table_is_read_or_refused_in_one_line(case):
    data, ending, options = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"tracks{ending}")
        path.write_bytes(data)
        try:
            result, notes = load((path,), ImportOptions(**options))
        except UserError as error:
            result, message = None, str(error)
        assert list(Path(folder).iterdir()) == [path]
        if result is None:
            assert "\n" not in message
            assert len(message) < 2500
            return
        for note in (*notes, *result.notes):
            assert note.isprintable()
        tracks = canonical(result)  # what the stages do with it
        drawn = rendering(9, 16)
        assert np.isfinite(place(tracks, framing(tracks, drawn.placement), drawn).points).all()


@pytest.mark.parametrize("ending", [".csv", ".txt", ".jsonl", ".parquet", ".npz", ".npy", ".csv.gz"])
def test_an_empty_file_is_refused(tmp_path, ending):
    path = tmp_path / f"tracks{ending}"
    path.touch()
    with pytest.raises(UserError) as caught:
        load((path,), ImportOptions())
    assert "\n" not in str(caught.value)
