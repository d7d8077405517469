"""Format ts: the cases of UEA files become tracks, value for value."""

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers.formats import ts
from trajprobe.importers.options import ImportOptions

HEADER = "# from an archive\n@problemName Letters\n@timeStamps false\n@classLabel true a b\n@data\n"


@pytest.fixture
def read(tmp_path):
    """Reads a file of this text."""

    def read(text, **options):
        (tmp_path / "set.ts").write_text(text)
        return ts.read(tmp_path / "set.ts", ImportOptions(**options))

    return read


def test_the_dimensions_of_a_case_are_its_coordinates_and_its_last_part_is_the_class(read):
    table = read(f"{HEADER}1,2,3:4,5,6:a\n\n7,?:8,9:b\n")
    np.testing.assert_array_equal(table.points, [[1, 4], [2, 5], [3, 6], [7, 8], [np.nan, 9]])
    assert table.track.tolist() == [0, 0, 0, 1, 1]
    assert (table.labels.tolist(), table.track_names.tolist(), table.times) == (["a", "b"], ["0", "1"], None)


def test_a_file_without_classes_has_no_labels(read):
    table = read("@classLabel false\n@data\n1,2:3,4:5,6\n")
    assert table.labels is None
    assert table.points.tolist() == [[1, 3, 5], [2, 4, 6]]


def test_options_choose_two_of_many_dimensions(read):
    text = f"{HEADER}1,2:3,4:5,6:7,8:a\n"
    assert read(text, x="3", y="0").points.tolist() == [[7, 1], [8, 2]]
    with pytest.raises(
        UserError, match=r"set.ts, line 6: got 4 dimensions, expected 2 or 3 coordinates; .*--x 0 --y 1"
    ):
        read(text)
    with pytest.raises(UserError, match="got 4 dimensions"):
        read(text, x="3", y="4")


def test_time_stamps_are_numbers_or_dates(read):
    assert read(f"{HEADER}(0,1),(0.5,2):(0,3),(0.5,4):a\n").times.tolist() == [0, 0.5]
    table = read(
        f"{HEADER}(2026-01-01 00:00:00,1),(2026-01-01 00:00:02,2):(2026-01-01 00:00:00,3),(2026-01-01 00:00:02,?):a\n"
    )
    assert np.diff(table.times) == np.timedelta64(2, "s")
    np.testing.assert_array_equal(table.points, [[1, 3], [2, np.nan]])


@pytest.mark.parametrize(("text", "message"), [
    ("1,2,3\n", "has no line @data, so it is no .ts file of the UEA archive"),
    (HEADER, "got no case below @data"),
    (f"{HEADER}1,2:3:a\n", "line 6: got dimensions of other lengths or times"),
    (f"{HEADER}(0,1),(1,2):(0,1),(2,2):a\n", "line 6: got dimensions of other lengths or times"),
    (f"{HEADER}1,2:3,four:a\n", "line 6: got 3,four, expected numbers"),
    (f"{HEADER}1,2:a\n", "line 6: got 1 dimension, expected 2 or 3 coordinates"),
])  # fmt: skip
def test_what_is_no_such_file_is_refused_by_its_line(read, text, message):
    with pytest.raises(UserError, match=message):
        read(text)


def test_a_video_of_that_ending_is_refused(tmp_path):
    (tmp_path / "video.ts").write_bytes(b"G\xff\xff\x00" * 188)
    with pytest.raises(UserError, match=r"is no text, so no .ts file"):
        ts.read(tmp_path / "video.ts", ImportOptions())


@pytest.mark.parametrize(
    ("name", "split"), [("Letters_TRAIN.ts", "train"), ("Letters_test.ts", "test"), ("a.ts", None)]
)
def test_the_split_is_the_one_of_the_files_names(tmp_path, name, split):
    (tmp_path / name).write_text(f"{HEADER}1,2:3,4:a\n")
    table = ts.read(tmp_path / name, ImportOptions())
    assert (None if table.split is None else table.split.tolist()) == (split and [split])
