"""Text tables: separators, header lines, encodings, times, names of tracks; and what is refused, by line and column."""

import gzip
import re

import numpy as np
import pytest
from importing import imported, refusal

ROWS = [
    "a,0,1.5,2,walk",
    "a,1,2.5,3,walk",
    "b,0,4,5,run",
    "b,1,5,6,run",
    "c,0,4,5,run",
    "c,1,5,7,run",
    "d,0,1,1,walk",
    "d,1,2,2,walk",
]
HEADER = "id,t,x,y,label"
POINTS = {"a": [[1.5, 2], [2.5, 3]], "b": [[4, 5], [5, 6]], "c": [[4, 5], [5, 7]], "d": [[1, 1], [2, 2]]}
FOUR = ["walk", "run", "run", "walk"]


def with_separator(separator):
    return [line.replace(",", separator) for line in (HEADER, *ROWS)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "   ", ", "])
def test_the_separator_is_that_of_the_first_line(table, separator):
    result = imported(table(*with_separator(separator)))
    assert result.points == POINTS
    assert result.labels == FOUR


def test_decimal_commas_are_read_where_commas_do_not_separate(table):
    lines = [line.replace(",", ";").replace(".", ",") for line in (HEADER, *ROWS)]
    assert imported(table(*lines)).points == POINTS
    lines[0] = 'id;t;x;y;"label, by hand"'
    assert imported(table(*lines), label="label, by hand").points == POINTS


def test_a_header_line_behind_a_comment_sign_is_one(table):
    lines = ["# made by a script", "# id t x y label", *[row.replace(",", " ") for row in ROWS]]
    numbered = [
        line.translate(str.maketrans("abcd", "0123")).replace("w0lk", "0").replace("run", "1") for line in lines[2:]
    ]
    assert imported(table(*lines[:2], *numbered)).points == dict(zip("0123", POINTS.values(), strict=True))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_encodings_are_read(table, encoding):
    path = table()
    path.write_bytes("\r\n".join([HEADER, *ROWS]).replace("walk", "g\u00e9ant").encode(encoding))
    assert imported(path).labels == ["g\u00e9ant", "run", "run", "g\u00e9ant"]


def test_other_encodings_are_refused_with_the_conversion(table):
    path = table()
    path.write_bytes("\n".join([HEADER, *ROWS]).replace("walk", "g\u00e9ant").encode("latin-1"))
    assert "is no UTF-8 text; save it as UTF-8 (`iconv" in refusal(path)


def test_a_packed_file_is_read(tmp_path):
    path = tmp_path / "tracks.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    assert imported(path).points == POINTS


def test_an_index_column_that_pandas_writes_is_no_column_of_names(table):
    lines = [f",{HEADER}", *(f"{number},{row}" for number, row in enumerate(ROWS))]
    assert imported(table(*lines)).points == POINTS


def test_every_number_is_read_to_the_last_bit(table):
    points = np.random.default_rng(0).normal(size=(40, 2)) * 10.0 ** np.random.default_rng(1).integers(-9, 9, (40, 1))
    rows = [f"{at // 10},{at % 10},{x!r},{y!r},{at // 20}" for at, (x, y) in enumerate(points.tolist())]
    np.testing.assert_array_equal(imported(table(HEADER, *rows)).data.trajectories.reshape(-1, 2), points)


def test_points_of_tracks_may_stand_in_any_order(table):
    result = imported(table(HEADER, *sorted(ROWS, key=lambda row: row.split(",")[1])))
    assert result.points == POINTS
    assert result.names == list("abcd")


def test_dates_become_seconds_since_the_first(table):
    dates = {"0": "2024-03-31T23:59:59.5", "1": "2024-04-01T00:00:01+00:00"}
    rows = [f"{row[:2]}{dates[row[2]]}{row[3:]}" for row in ROWS]
    result = imported(table(HEADER, rows[1], rows[0], *rows[2:]))
    assert result.times["a"] == result.times["b"] == [0.0, 1.5]
    assert "times are seconds since 2024-03-31T23:59:59.5" in result.notes


def test_what_is_no_date_is_refused_with_its_row(table):
    rows = [f"{row[:2]}2024-03-{row[2]}1{row[3:]}" for row in ROWS]
    rows[3] = rows[3].replace("2024-03-11", "31/12/2024")
    assert "column t: got 31/12/2024 in row 4 of the data, expected a number, or a date as" in refusal(
        table(HEADER, *rows)
    )


def test_what_is_no_number_is_refused_with_its_row_and_column(table):
    rows = [*ROWS]
    rows[4] = rows[4].replace(",4,", ",left,")
    message = refusal(table(HEADER, *rows))
    assert "column x: got left in row 5 of the data, expected a number (1 of 8 rows hold none)" in message


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "NA", "null", "-"])
def test_a_point_without_a_number_is_missing(table, empty):
    rows = ["a,0.5,1,1,walk", f"a,2,{empty},1,walk", "a,3,5,5,walk", *ROWS[2:]]
    result = imported(table(HEADER, *rows))
    assert result.points["a"] == [[1, 1], [5, 5]]
    assert result.times["a"] == [0.5, 3]
    assert "1 missing point within 1 track, crossed in a straight line" in result.notes


def test_points_of_no_track_are_left_out_and_counted(table):
    result = imported(table(HEADER, *ROWS, ",7,7,7,", "None,8,8,8,"))
    assert result.points == POINTS
    assert "2 points left out: they are of no track (id is empty)" in result.notes


def test_a_label_may_stand_in_one_row_of_a_track_alone(table):
    rows = [row.replace("walk", "").replace("run", "") if row[2] == "1" else row for row in ROWS]
    assert imported(table(HEADER, *rows)).labels == FOUR


def test_a_track_with_two_labels_is_refused_by_name_with_both(table):
    rows = [*ROWS]
    rows[3] = rows[3].replace("run", "walk")
    message = refusal(table(HEADER, *rows))
    assert "1 tracks have two values in label, expected one each: track b has run and walk." in message
    assert "on the way: --id TRACK --id label --group TRACK, and --max-gap, which splits a track" in message
    split = imported(table(HEADER, *rows, "b,2,6,7,run", "b,3,6,8,walk"), id=("id", "label"))
    assert split.names == ["a walk", "b run", "b walk", "c run", "d walk"]


def test_stretches_of_a_label_are_tracks_of_one_group_as_the_message_says(table):
    lines = [
        f"{track},{time},{time},{track},{'rest' if time // 4 % 2 == 0 else 'forage'}"
        for track in "12"
        for time in range(12)
    ]
    result = imported(table(HEADER, *lines), id=("id", "label"), group="id", max_gap=1)
    assert sorted(result.labels) == ["forage"] * 2 + ["rest"] * 4
    assert sorted(result.groups) == [1] * 3 + [2] * 3
    assert {len(points) for points in result.points.values()} == {4}


@pytest.mark.parametrize("time", ["t", "time", "Time", "timestamp", "step", "frame"])
@pytest.mark.parametrize("options", [{"id": "ant"}, {"id": "ant", "x": "x", "y": "y", "label": "label"}])
def test_times_are_found_whichever_columns_are_named(table, time, options):
    lines = [f"ant,{time},x,y,label", *reversed(ROWS)]
    result = imported(table(*lines), **options)
    assert result.points["a"] == POINTS["a"]  # in the order of the times, not of the file
    assert result.guesses == f"read by the names of columns: time {time}" + (
        ", x x, y y, label label" * (len(options) == 1)
    )


def test_a_table_without_times_says_so_though_all_its_columns_are_named(table):
    lines = [f"{row[0]}{row[3:]}" for row in ROWS]
    result = imported(table("ant,x,y,label", *lines), id="ant", x="x", y="y", label="label")
    assert result.guesses == "no column of times: points are evenly spaced, in the order of the file"


def test_tracks_whose_label_is_missing_in_part_are_counted(table):
    rows = [*ROWS]
    rows[1] = rows[1].replace("walk", "")
    result = imported(table(HEADER, *rows))
    assert result.labels == FOUR
    assert "1 tracks have points without a label: they have that of the others" in result.notes


@pytest.mark.parametrize("names", ["lon,lat", "Longitude,Latitude", "location-long,location-lat"])
@pytest.mark.parametrize("options", [{}, {"id": "id"}, {"id": "id", "x": 0, "y": 1, "label": "label"}])
def test_columns_called_longitude_and_latitude_are_degrees_whoever_names_them(table, names, options):
    named = {axis: names.split(",")[at] for axis, at in options.items() if axis in ("x", "y")}
    result = imported(table(f"id,t,{names},label", *ROWS), **options | named)
    assert "longitude and latitude are metres east and north of" in result.notes
    as_they_are = imported(table(f"id,t,{names},label", *ROWS), lonlat=False, **options | named)
    assert as_they_are.points == POINTS


def test_several_columns_name_a_track_together(table):
    lines = ["scene,id,t,x,y,label", *(f"s{row[0] in 'ab'},{'abab'['abcd'.index(row[0])]}{row[1:]}" for row in ROWS)]
    assert imported(table(*lines), id=("scene", "id")).names == ["sTrue a", "sTrue b", "sFalse a", "sFalse b"]


def test_whole_numbers_are_classes_in_their_order_whatever_they_look_like(table):
    for nine in ("9", "9.0"):
        rows = [row.replace("walk", "10").replace("run", nine) for row in ROWS]
        assert imported(table(HEADER, *rows)).data.label_names.tolist() == ["9", "10"]
    rows = [row.replace("walk", "10").replace("run", "09") for row in ROWS]
    assert imported(table(HEADER, *rows)).data.label_names.tolist() == ["09", "10"]


def test_numbers_of_classes_have_their_names_from_another_column(table):
    rows = [f"{row.rpartition(',')[0]},{'1,run fast' if row.endswith('walk') else '0,walk'}" for row in ROWS]
    lines = ["id,t,x,y,class_id,class_name", *rows]
    result = imported(table(*lines), label="class_id")
    assert result.data.label_names.tolist() == ["walk", "run fast"]
    lines[2] = lines[2].replace("run fast", "walk")
    assert "1 tracks have two values in class_name" in refusal(table(*lines), label="class_id")


def test_a_third_coordinate_that_never_changes_is_left_out_unless_it_is_named(table):
    lines = ["id,t,x,y,z,label", *(row.replace(",walk", ",3,walk").replace(",run", ",3,run") for row in ROWS)]
    result = imported(table(*lines))
    assert result.data.trajectories.shape[2] == 2
    assert "z left out: it is 3 for all points" in result.notes
    assert imported(table(*lines), z="z").data.trajectories.shape[2] == 3


def test_columns_called_longitude_and_latitude_become_metres(table):
    lines = [HEADER.replace("x", "Longitude").replace("y", "Latitude"), *ROWS]
    result = imported(table(*lines))
    assert "longitude and latitude are metres east and north of" in result.notes
    np.testing.assert_allclose(np.diff(result.points["b"], axis=0)[0, 1], 6_371_008.8 * np.pi / 180)
    assert imported(table(*lines), lonlat=False).points == POINTS


@pytest.mark.parametrize(("lines", "words"), [
    ([], "got no line of data, expected a header line and a line for each point"),
    ([HEADER], "got no trajectory"),
    (["a,b,c", "1,2,3"], "expected columns for a track's name, x and y, got a, b, c; name them with --id, --x and --y"),
    (["1,2,3", "1,2,4"], "got 3 columns and no header line, expected a first line with the columns' names"),
    (["id,t,x,x,label", *ROWS], "column x stands twice in the header line"),
    ([HEADER, "e,0,1,2,walk,9", *ROWS], "lines have more fields than the 5 columns of the header line; put text"),
    ([HEADER, *ROWS, "e,0,1,2,walk,9,9"], "is no table as its first lines say (Expected 5 fields in line 10, saw 7"),
    ([HEADER, *ROWS[:2]], "got one class (walk), expected at least two"),
    (["id,t,x,y", *(row.rpartition(",")[0] for row in ROWS)], "no labels; name them with --label COLUMN"),
    ([HEADER, *ROWS, "e,0,1,2,walk"], "1 of 5 tracks have fewer than 2 points that are not NaN (tracks e); --min"),
    ([HEADER, *ROWS, "e,0,1,inf,walk", "e,1,1,1,walk"], "track e has an infinite value"),
    ([HEADER, *ROWS, "e,0,1,1e39,walk", "e,1,1,1,walk"], "track e has a coordinate of 1e+39, expected at most 1e+18"),
])  # fmt: skip
def test_a_table_that_does_not_fit_is_refused(table, lines, words):
    assert words in refusal(table(*lines))


def test_a_short_line_has_missing_values_and_separators_at_the_ends_of_lines_mean_nothing(table):
    assert imported(table(HEADER, *ROWS, "e,0,1"), min_points=2).names == list("abcd")
    assert imported(table(HEADER, *(f"{row}," for row in ROWS))).points == POINTS


def test_a_column_that_an_option_names_must_exist(table):
    assert "no column speed; got id, t, x, y, label" in refusal(table(HEADER, *ROWS), time="speed")
    assert "--preset: got Excel, expected one of TrackMate, trackpy" in refusal(table(HEADER, *ROWS), preset="Excel")
    assert "--format: got xls, expected one of csv, " in refusal(table(HEADER, *ROWS), format="xls")
    assert "expected columns for a track's name, x and y as trackmate has them" in refusal(
        table(HEADER, *ROWS), preset="trackmate"
    )


def test_names_in_a_file_forge_no_line(table):
    message = refusal(table(HEADER.replace("label", "la\x1b[2Jbel"), *ROWS), time="none such")
    assert r"la\x1b[2Jbel" in message


@pytest.mark.parametrize("option", ["max_gap", "window"])
def test_a_time_in_another_unit_is_refused_with_the_median_step(table, option):
    lines = [
        f"{track},{1_700_000_000_000 + 5000 * time},{time},{track},{'ab'[track % 2]}"
        for track in range(4)
        for time in range(9)
    ]
    path = table("id,t,x,y,label", *lines)
    message = refusal(path, **{option: 10})
    assert (
        f"--{option.replace('_', '-')}: got 10, less than the shortest step from a point to the next, 5000" in message
    )
    assert "--fps 1000 makes seconds of milliseconds" in message
    assert len(imported(path, fps=1000, **{option: 10}).names) >= 4


@pytest.mark.parametrize("timed", [True, False])
def test_a_shortest_duration_is_in_seconds_where_times_are_frames(table, timed):
    rows = [f"{name},{time},{time},{time},{kind}" for name, kind in zip("abcd", FOUR, strict=True) for time in (0, 1)]
    lines = [HEADER, *rows, "e,0,0,0,walk", "e,1,1,1,walk", "e,2,2,3,walk"]
    if not timed:  # points are frames then
        lines = [re.sub(r"^(\w+),\w+,", r"\1,", line) for line in lines]
    assert imported(table(*lines), fps=0.5, min_duration=1.5).names == list("abcde")


def test_an_infinite_time_has_no_windows(table):
    rows = [ROWS[0].replace(",0,", ",1e400,", 1), *ROWS[1:]]
    assert "track a has an infinite time" in refusal(table(HEADER, *rows), window=1.0)


@pytest.mark.parametrize("column", [1, 2])
def test_an_integer_that_no_float_holds_is_refused_with_its_track(table, column):
    rows = [row.split(",") for row in ROWS]
    rows[0][column] = "9" * 400
    message = refusal(table(HEADER, *map(",".join, rows)))
    assert "track a has an infinite value" in message
