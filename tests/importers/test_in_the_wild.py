"""Files shaped like what people bring: each is read right, or refused with the option or the line that reads it."""

import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from importing import imported, refusal

from trajprobe.cli_data import import_options

WILD = Path(__file__).parents[2] / "../shared/data/in_the_wild"
pytestmark = pytest.mark.skipif(not WILD.is_dir(), reason=f"the files are not here ({WILD})")

#: Of each file: the words of the refusal, or None where it is read; the options that read it, or None where none does;
#: and the words of what is noted then.
FILES = {
    "axis_order_n_d_t.npz": ("--axes 'n d t' reads it", "--axes 'n d t'", ""),
    "keys_X_y.npz": ("is it --trajectories X --labels y?", "--trajectories X --labels y", ""),
    "labels_bytes.npz": (None, "", ""),
    "labels_float.npz": (None, "", ""),
    "labels_onehot.npz": (None, "", "one-hot labels of 3 classes read"),
    "labels_object_strings.npz": ("`labels` holds Python objects, which are never unpickled; save it as s", None, ""),
    "labels_minus_one_is_unlabelled.npz": (None, "", "15 of 60 tracks left out: they have no label (-1)"),
    "labels_padded_whitespace.npz": (None, "", "classes merged that differ by spaces around their names: 'walk ' (20"),
    "split_Train_Test_capital.npz": (None, "", ""),
    "ragged_object_array.npz": (
        "`trajectories` holds Python objects, which are never unpickled; save a table",
        None,
        "",
    ),
    "structured_dtype.npz": (None, "", "the fields x, y are the coordinates"),
    "many_classes_one_each.npz": ("60 of 60 classes have one track", None, ""),
    "nan_gap_in_middle.npz": (None, "", "600 missing points within 60 tracks, crossed in a straight line"),
    "one_outlier_point_1e6.npz": (None, "--outliers place", "1 point in 1 track left out by --outliers place: track"),
    "sentinel_minus_999_padded.npz": ("are -999 in every coordinate", "--missing -999", "726 points in 59 tracks left"),
    "stationary_tracks.npz": (None, "", ""),
    "utm_float32_offsets.npz": (None, "", "coordinates are float32: near 5.334e+06 it resolves 0.5"),
    "times_all_equal.npz": (
        None,
        "",
        "2,340 points in 60 tracks (0, 1, 2, 3, 4 and 55 more) with the time of the point",
    ),
    "times_one_late_point.npz": (None, "", ""),
    "times_duplicate.npz": (None, "", "60 points in 60 tracks (0, 1, 2, 3, 4 and 55 more) with the time of the point"),
    "times_datetime64.npz": (None, "", "times are seconds since 2024-01-01T00:00:00"),
    "longitude_crosses_dateline.npz": ("is it a longitude that crosses the 180th", "--lonlat", "40 tracks across"),
    "overlapping_windows_no_groups.npz": (None, "", ""),
    "long_table.csv": ("got one class (walk), expected at least two", None, ""),  # its two lines are of one track
    "zip_member_named_trajectories_crashes.zip": ("seems to be an archive; unpack it", None, ""),
}


def options(words):
    """The options of a command line."""

    @click.command()
    @import_options
    def command(**values):
        return values

    return command.main(shlex.split(words), standalone_mode=False)


def test_every_file_stands_in_the_table():
    assert {path.name for path in WILD.iterdir() if path.is_file()} == {*FILES, "README.md"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_right_or_refused_with_the_remedy(name):
    refused, words, noted = FILES[name]
    if refused:
        assert refused in refusal(WILD / name)
    if words is None:
        return
    result = imported(WILD / name, **options(words))
    assert noted in f"{result.guesses} | {result.notes}"
    rows = result.data.rows
    assert len(rows) == {"labels_minus_one_is_unlabelled.npz": 45, "overlapping_windows_no_groups.npz": 300}.get(
        name, 60
    )


@pytest.mark.harm("imports")
@pytest.mark.parametrize("path", sorted((WILD / "damaged").glob("*")), ids=lambda path: path.stem)
def test_a_damaged_file_is_refused_in_one_line(path):
    message = refusal(path)
    assert "is damaged" in message
    assert "delete" not in message


def test_what_is_read_is_what_the_good_file_has():
    good = imported(WILD / "times_duplicate.npz").data  # whose points are those of all others
    for name in ("axis_order_n_d_t", "keys_X_y", "labels_bytes", "labels_float", "labels_onehot", "structured_dtype"):
        data = imported(WILD / f"{name}.npz", **options(FILES[f"{name}.npz"][1])).data
        np.testing.assert_array_equal(data.trajectories, good.trajectories)
        np.testing.assert_array_equal(data.labels, good.labels)


def test_the_wild_point_is_the_one_that_goes():
    data = imported(WILD / "one_outlier_point_1e6.npz", outliers="place").data
    by_speed = imported(WILD / "one_outlier_point_1e6.npz", outliers="speed").data
    assert np.nanmax(np.abs(data.trajectories)) < 100
    np.testing.assert_array_equal(data.trajectories, by_speed.trajectories)


def test_a_track_over_the_180th_meridian_is_as_long_as_it_was_walked():
    data = imported(WILD / "longitude_crosses_dateline.npz", lonlat=True).data
    steps = np.linalg.norm(np.diff(data.trajectories, axis=1), axis=2)
    assert np.nanmax(steps) < 111_195 * 1.5  # a degree and a half, and no turn around the Earth
