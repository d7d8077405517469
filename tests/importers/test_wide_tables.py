"""Tables with a row a track: by the names of columns, or by --axes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from importing import imported, refusal

DATA = Path(__file__).parents[2] / "../shared/data"
TRACKS = np.random.default_rng(0).normal(size=(4, 5, 3))
KINDS = list("abab")


def lines(header, order, *, dimensions=2, labels=KINDS, first=""):
    """A row a track: its numbers in an order of einops' axes, and its class."""
    rows = TRACKS[..., :dimensions].transpose({"t d": (0, 1, 2), "d t": (0, 2, 1)}[order]).reshape(4, -1)
    texts = [first.format(n) + ",".join(map(repr, row)) for n, row in enumerate(rows.tolist())]
    return [
        *header,
        *(f"{text},{label}" if labels else text for text, label in zip(texts, labels or texts, strict=True)),
    ]


@pytest.mark.parametrize(("names", "order"), [
    ("x{0},y{0}", "t d"), ("X_{0},Y_{0}", "t d"), ("x[{0}],y[{0}]", "t d"), ("{0}_x,{0}_y", "t d"),
    ("x.{0}|y.{0}", "d t"),
])  # fmt: skip
@pytest.mark.parametrize("start", [0, 1])
def test_columns_that_are_called_by_points_are_a_row_a_track(table, names, order, start):
    parts = names.split("|") if order == "d t" else [names]
    header = ",".join(part.format(n) for part in parts for n in range(start, start + 5))
    result = imported(table(f"{header},class", *lines([], order)))
    np.testing.assert_array_equal(result.data.trajectories, TRACKS[..., :2])
    assert result.labels == KINDS
    first, last = (names.replace("|", ",").split(",")[0].format(n) for n in (start, start + 4))
    assert result.guesses.startswith(f"read as a table with a row a track: x {first} to {last}, y ")
    assert result.guesses.endswith(", label class")


def test_a_third_coordinate_times_groups_and_names_are_read_too(table):
    header = ",".join(f"x{n},y{n},z{n}" for n in range(5))
    times = ",".join(f"t{n}" for n in range(5))
    rows = lines([], "t d", dimensions=3)
    rows = [f"{'pq'[n // 2]},{n}.5,1{n},2{n},3{n},4{n},w{n},{row}" for n, row in enumerate(rows)]
    result = imported(table(f"subject,{times},walk,{header},label", *rows), id="walk")
    np.testing.assert_array_equal(result.data.trajectories, TRACKS)
    assert result.times["w2"] == [2.5, 12, 22, 32, 42]
    assert result.groups == list("ppqq")
    assert result.names == ["w0", "w1", "w2", "w3"]


def test_shorter_tracks_end_with_empty_fields_and_other_columns_are_said(table):
    header = ",".join(f"x{n},y{n}" for n in range(5))
    rows = lines([], "t d", first="7,")
    rows[1] = f"7,{','.join(rows[1].split(',')[1:7])},,,,,b"
    result = imported(table(f"age,{header},class", *rows))
    assert [len(points) for points in result.points.values()] == [5, 3, 5, 5]
    assert "not used: age" in result.notes


@pytest.mark.parametrize(("order", "axes", "dimensions"), [
    ("t d", "n (t d)", 2), ("d t", "n (d t)", 2), ("t d", " n  (t d) ", 3), ("t d", "n (t 3)", 3),
    ("d t", "n (2 t)", 2),
])  # fmt: skip
def test_without_names_the_order_of_columns_is_told(table, order, axes, dimensions):
    path = table(*lines([], order, dimensions=dimensions, labels=[0, 1, 0, 1]), name="digits.tra")
    result = imported(path, format="wide", axes=axes, label=f"column {5 * dimensions + 1}")
    np.testing.assert_array_equal(result.data.trajectories, TRACKS[..., :dimensions])
    assert result.labels == ["0", "1", "0", "1"]
    assert f"{5 * dimensions} columns, column 1 to column {5 * dimensions}, as " in result.guesses


def test_a_table_without_names_says_how_it_is_read(table):
    path = table(*lines([], "t d", labels=[0, 1, 0, 1]))
    message = refusal(path)
    assert "where each row is a track: --format wide --axes 'n (t d)' --label 'column 11'" in message
    imported(path, format="wide", axes="n (t d)", label="column 11")


def test_columns_that_do_not_part_into_points_are_refused(table):
    path = table(*lines([], "t d", labels=[0, 1, 0, 1]))
    message = refusal(path, format="wide", axes="n (t d)", label_from="filename")
    assert (
        "got 11 numbers a track, expected 2 or 3 for each of its points; name the columns that are no coor" in message
    )
    six = table(
        *[line.rpartition(",")[0].rsplit(",", 4)[0] for line in lines([], "t d", labels=[0, 1, 0, 1])], name="six.csv"
    )
    message = refusal(six, format="wide", axes="n (t d)", label_from="filename")
    assert (
        "got 6 numbers a track, expected 2 or 3 for each of its points; say which: --axes 'n (t 2)', 'n (t 3)'"
        in message
    )
    assert "--axes: got n (t e), expected the letters" in refusal(
        path, format="wide", axes="n (t e)", label="column 11"
    )


def test_words_among_coordinates_and_rows_of_one_name_are_refused(table):
    rows = lines(["a,b,c,d,e,f,g,h,i,j,kind"], "t d")
    options = {"format": "wide", "axes": "n (t d)"}
    assert "column kind: got a in row 1 of the data, expected a number" in refusal(table(*rows), **options)
    rows = lines(["name,a,b,c,d,e,f,g,h,i,j,class"], "t d", first="one,")
    message = refusal(table(*rows), id="name", **options)
    assert "4 rows share a name (one), and a row is a track; --id names a column in which they differ" in message
    assert "no column kind; got name, a," in refusal(table(*rows), label="kind", **options)
    message = refusal(table(*rows), format="wide")
    assert "which columns are coordinates? Expected names as x1, y1, x2, y2, got name, a, b" in message


@pytest.mark.parametrize("names", [
    "x1,y1,x2,y2",  # corners of a box
    "x1,y1,x2,y2,x3,y4",
    "x1,y1,x2,y2,x4,y4",
    "x2,y2,x3,y3,x4,y4",
    "frame,x1,y1,x2,y2,x3,y3",
])  # fmt: skip
def test_other_columns_with_numbers_are_no_points(table, names):
    row = ",".join("1" for _ in names.split(","))
    message = refusal(table(f"{names},class", *[f"{row},{kind}" for kind in KINDS]))
    assert "expected columns for a track's name, x and y, got" in message


def test_a_table_with_a_row_a_point_may_have_such_columns_too(table):
    header = "id,t,x,y,x1,y1,x2,y2,x3,y3,class"
    rows = [f"{track},{at},{track},{at},1,1,1,1,1,1,{KINDS[track]}" for track in range(4) for at in (0, 1)]
    assert imported(table(header, *rows)).points["3"] == [[3, 0], [3, 1]]


def test_parquet_json_lines_and_packed_text_have_rows_of_tracks_too(tmp_path):
    names = [f"{axis}{n}" for n in range(5) for axis in "xy"]
    frame = pd.DataFrame(TRACKS[..., :2].reshape(4, 10), columns=names).assign(label=KINDS)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True, double_precision=15)
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    for name in ("a.parquet", "a.jsonl", "a.csv.gz"):
        np.testing.assert_allclose(imported(tmp_path / name).data.trajectories, TRACKS[..., :2], rtol=1e-12)
    result = imported(tmp_path / "a.parquet", format="wide", axes="n (t d)")
    np.testing.assert_array_equal(result.data.trajectories, TRACKS[..., :2])


def test_arrays_of_a_row_a_track_go_in_by_the_same_option(tmp_path):
    np.savez(tmp_path / "a.npz", trajectories=TRACKS[..., :2].reshape(4, 10), labels=KINDS)
    assert "expected numbers (N, T, D), D = 2 or 3; --axes 'n (t d)' reads it, or 'n (d t)'" in refusal(
        tmp_path / "a.npz"
    )
    result = imported(tmp_path / "a.npz", axes="n (t d)")
    np.testing.assert_array_equal(result.data.trajectories, TRACKS[..., :2])
    message = refusal(tmp_path / "a.npz", axes="n t d")
    assert "got points (4, 10), expected three axes: n t d" in message


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets are not here ({DATA})")
def test_pendigits_goes_in_as_its_archive_has_it(tmp_path):
    with np.load(DATA / "pendigits.npz") as file:
        points, labels = file["trajectories"], file["labels"]
    numbers = np.column_stack([points.reshape(len(points), -1), labels])
    np.savetxt(tmp_path / "pendigits.tra", numbers, fmt="%.17g", delimiter=", ")
    result = imported(tmp_path / "pendigits.tra", format="wide", axes="n (t d)", label="column 17")
    np.testing.assert_array_equal(result.data.trajectories, points)
    assert result.labels == labels.astype(str).tolist()
