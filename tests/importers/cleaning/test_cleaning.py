"""Each step of cleaning by itself: what it changes, what it leaves, what it says, and what it refuses."""

import numpy as np
import pytest
from tables import line, options, table, xs

from trajprobe.errors import UserError
from trajprobe.importers.cleaning import gaps, missing, outliers, places, times

WALK = np.cumsum(np.random.default_rng(0).normal(size=(20, 30, 2)), axis=1)


def refused(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return str(caught.value)


# missing


def test_marked_points_go_and_keep_their_place_in_time():
    source = table(line(0, -999, 2, 3), line(5, 6))
    result = missing.clean(source, options(missing=("-999",)), "f")
    assert xs(result) == {"t0": [0, 2, 3], "t1": [5, 6]}
    assert result.times.tolist() == [0, 2, 3, 0, 1]
    assert result.notes == ("1 point in 1 track left out: -999, which means missing",)


@pytest.mark.parametrize("kind", ["place", "speed"])
def test_a_number_whose_square_overflows_is_wild(kind):
    walk = [(float(step), 0.0) for step in range(20)]
    source = table([*walk[:9], (1.4e154, 0.0), *walk[10:]], *[walk] * 4)
    result = outliers.clean(source, options(outliers=kind), "f")
    assert len(result.points) == 99
    assert result.points.max() == 19


def test_zero_marks_a_point_whose_coordinates_are_all_zero():
    source = table([(0, 5), (5, 0), (0, 0), (3, 3)], line(5, 6))
    assert xs(missing.clean(source, options(missing=("0",)), "f"))["t0"] == [0, 5, 3]


@pytest.mark.parametrize("mark", [-1, -999, 9999])
def test_marks_that_lie_out_of_all_others_are_refused_with_both_options(mark):
    walks = [[*(walk + 100), (mark, mark)] for walk in WALK]
    message = refused(missing.clean, table(*walks), options(), "f.csv")
    assert f"f.csv: 20 points in 20 tracks (t0, t1, t2, t3, t4 and 15 more) are {mark} in every coordinate" in message
    assert f"--missing {mark} leaves them out, --missing none keeps them" in message
    assert len(missing.clean(table(*walks), options(missing=("none",)), "f").points) == 620


def test_zero_padding_is_refused_and_a_track_that_rests_at_zero_is_none():
    padded = table([*(WALK[0] + 50), (0, 0), (0, 0)], WALK[1])
    assert "2 points in 1 track (t0) are 0 in every coordinate, further from the rest" in refused(
        missing.clean, padded, options(), "f"
    )
    resting = table([(3, 3), (2, 2), (1, 1), (0, 0), (0, 0)], [(0, 0), (0, 0), (5, 5), (9, 9)])
    assert missing.clean(resting, options(), "f") is resting


def from_their_start(count, *, steps=20, seed=0):
    """Walks from (0, 0)."""
    walks = np.random.default_rng(seed).normal(size=(count, steps, 2)).cumsum(axis=1)
    return walks - walks[:, :1]


def test_zeros_that_fill_tracks_from_the_origin_to_one_length_are_refused():
    padded = from_their_start(20)
    for track, walk in enumerate(padded):
        walk[12 + track % 6 :] = 0
    message = refused(missing.clean, table(*padded), options(), "f.csv")
    assert message.startswith(
        "f.csv: 114 points in 20 tracks (t0, t1, t2, t3, t4 and 15 more) are 0 in every coordinate"
    )
    assert "and fill all tracks to 20 points: does it mean missing? --missing padding leaves them out, --mis" in message
    result = missing.clean(table(*padded), options(missing=("padding",)), "f")
    assert result.lengths.tolist() == [12 + track % 6 for track in range(20)]  # the first point stays
    assert result.notes == ("114 points in 20 tracks left out: zeros at the end, which means missing",)
    assert missing.clean(table(*padded), options(missing=("none",)), "f").lengths.tolist() == [20] * 20


def test_tracks_that_come_back_to_the_origin_and_rest_are_kept():
    out = from_their_start(20)
    for track, walk in enumerate(out):
        rest = 14 + track % 5
        walk[:rest] *= np.linspace(1, 0, rest)[:, None] ** 2  # it arrives slowly
        walk[rest:] = 0
    source = table(*out)
    assert missing.clean(source, options(), "f") is source
    alike, of_other_lengths = from_their_start(20), from_their_start(20)
    alike[:, 15:] = 0  # all of one length: it may be that of the recording
    assert len(missing.clean(table(*alike), options(), "f").points) == 400
    of_other_lengths[:, 17:] = 0
    cut = [walk[: 18 + track % 3] for track, walk in enumerate(of_other_lengths)]
    assert len(missing.clean(table(*cut), options(), "f").points) == sum(map(len, cut))
    few = from_their_start(60)
    few[0, 15:] = few[1, 14:] = 0
    assert len(missing.clean(table(*few), options(), "f").points) == 1200


def test_padding_leaves_zeros_before_the_end_and_tracks_that_never_moved():
    source = table([(0, 0), (1, 1), (0, 0), (2, 2), (0, 0)], [(0, 0)] * 4, [(1, 1), (2, 2)])
    assert missing.clean(source, options(missing=("padding",)), "f").lengths.tolist() == [4, 4, 2]


def test_what_is_no_number_is_no_mark():
    assert "--missing: got gone, expected a number" in refused(
        missing.clean, table(line(1, 2)), options(missing=("gone",)), "f"
    )


# places


def test_degrees_become_metres_by_the_cosine_of_the_middle():
    source = table([(10.0, 59.5), (10.0, 60.5)], [(10.0, 60.0), (11.0, 60.0)], degrees=True)
    result = places.clean(source, options(), "f")
    metre = 6_371_008.8 * np.pi / 180
    np.testing.assert_allclose(result.points[1] - result.points[0], [0, metre])
    np.testing.assert_allclose(result.points[3] - result.points[2], [metre * np.cos(np.radians(60)), 0])
    assert "lengths from west to east are off by up to 1.5 %" in result.notes[0]
    assert places.clean(source, options(lonlat=False), "f") is source


def test_a_wild_fix_hardly_moves_the_middle():
    """The fix is left out later: the scale of all others would stay wrong."""
    walk = [(10 + step / 100, 60 + step / 100) for step in range(100)]
    result = places.clean(table(walk, [*walk, (0, 0)], degrees=True), options(), "f")
    steps = np.diff(result.points[:100], axis=0)
    np.testing.assert_allclose(steps[:, 0] / steps[:, 1], np.cos(np.radians(60.49)), rtol=1e-3)


def test_tracks_over_the_180th_meridian_are_unwrapped_and_stand_together():
    source = table([(179.5, 0), (-179.5, 0), (-178.5, 0)], [(-179, 0), (-179.5, 0)], [(179, 0), (179.5, 0)])
    result = places.clean(source, options(lonlat=True), "f")
    degrees = result.points[:, 0] / (6_371_008.8 * np.pi / 180)
    np.testing.assert_allclose(np.diff(degrees), [1, 1, -0.5, -0.5, -1.5, 0.5])
    assert "1 track across the 180th meridian unwrapped" in result.notes
    assert "x leaps by a whole turn of 360 in 1 tracks (t0)" in refused(places.clean, source, options(), "f")
    assert places.clean(source, options(lonlat=False), "f") is source


def test_pixels_that_leap_are_no_longitudes():
    source = table([(0, 5), (400, 6), (0, 100)], line(5, 6))
    assert places.clean(source, options(), "f") is source


def test_coordinates_beyond_the_poles_are_refused():
    message = refused(places.clean, table([(48, 116), (49, 116)]), options(lonlat=True), "f")
    assert (
        "track t0 has longitude 48 and latitude 116, expected degrees up to 360 and 90; is x the longitude?" in message
    )


@pytest.mark.parametrize(("text", "factors"), [("0.5", 0.5), ("0.5 2", [0.5, 2]), ("0.5,2", [0.5, 2])])
def test_coordinates_are_scaled_alike_or_by_axis(text, factors):
    result = places.clean(table(WALK[0]), options(scale=text), "f")
    assert result.notes == (f"coordinates are those of the file times {text} (--scale)",)
    np.testing.assert_array_equal(result.points, WALK[0] * factors)


@pytest.mark.parametrize("text", ["a", "0", "-1", "1 2 3", "nan", ""])
def test_factors_that_do_not_fit_are_refused(text):
    if text:
        assert "--scale: got " in refused(places.clean, table(WALK[0]), options(scale=text), "f")


# times


def test_points_are_sorted_by_time_and_counted():
    source = table(line(0, 1, 2), line(5, 6), times=[[3, 1, 2], [0, 1]])
    result = times.clean(source, options(), "f")
    assert xs(result) == {"t0": [1, 2, 0], "t1": [5, 6]}
    assert result.notes == ("points of 1 track sorted by time (t0)",)


@pytest.mark.parametrize(("rule", "left"), [
    ("keep", [0, 1, 3, 4]), ("first", [0, 1, 4]), ("last", [0, 3, 4]), ("mean", [0, 2, 4]),
])  # fmt: skip
def test_points_of_one_time_go_by_the_rule(rule, left):
    source = table(line(0, 1, 3, 4), line(5, 6), times=[[0, 1, 1, 2], [2, 3]])
    result = times.clean(source, options(repeated_times=rule), "f")
    assert xs(result) == {"t0": left, "t1": [5, 6]}
    assert "1 point in 1 track (t0) with the time of the point before" in result.notes[0]


def test_points_of_one_time_may_be_refused_with_the_usual_reason():
    source = table(line(0, 1), line(5, 6), times=[[0, 0], [2, 3]])
    assert "--id SCENE --id TRACK" in refused(times.clean, source, options(repeated_times="refuse"), "f")


def test_frames_become_seconds():
    scaled = times.clean(table(line(0, 1, 2)), options(fps=25), "f")
    assert scaled.times.tolist() == [0, 0.04, 0.08]
    assert scaled.notes == ("times are seconds, at 25 of the file's numbers each (--fps)",)
    assert times.clean(table(line(0, 1), times=[[50, 75]]), options(fps=25), "f").times.tolist() == [2, 3]


# outliers


@pytest.mark.parametrize("statistic", ["place", "speed"])
def test_clean_walks_lose_nothing_and_a_wild_point_goes_by_name(statistic):
    source = table(*WALK)
    assert len(outliers.clean(source, options(outliers=statistic), "f").points) == 600
    wild = WALK.copy()
    wild[3, 7], wild[5, 0], wild[6, -1] = 1e6, (-1e4, 3), 500
    result = outliers.clean(table(*wild), options(outliers=statistic), "f")
    np.testing.assert_array_equal(result.points, np.delete(WALK.reshape(-1, 2), [97, 150, 209], axis=0))
    assert "3 points in 3 tracks left out by --outliers" in result.notes[0]
    assert "track t3 at 7 (1e+06, 1e+06); track t5 at 0 (-10000, 3); track t6 at 29 (500, 500)" in result.notes[0]


@pytest.mark.parametrize("statistic", ["place", "speed"])
def test_a_fast_class_is_no_outlier(statistic):
    walks = WALK.copy()
    walks[:2] *= 50
    result = outliers.clean(table(*walks), options(outliers=statistic), "f")
    assert len(result.points) == 600


def test_a_track_that_is_fast_throughout_is_kept_whole_and_named():
    walks = [*WALK, *(WALK + 1), WALK[0] * 500]
    result = outliers.clean(table(*walks), options(outliers="speed"), "f")
    assert len(result.points) == 41 * 30
    assert result.notes == ("1 track kept, of which over a quarter lies beyond --outliers: t40",)


def test_the_fence_of_a_place_is_tukeys():
    track = np.append(np.arange(11.0), [25.0])
    low, high = np.quantile(track, [0.25, 0.75])
    for value, kept in ((high + 3 * (high - low) - 0.01, 12), (high + 3 * (high - low) + 0.01, 11)):
        track[-1] = value
        assert len(outliers.clean(table(line(*track)), options(outliers="place"), "f").points) == kept


def test_a_bound_is_a_number_of_spreads():
    wild = WALK.copy()
    wild[3, 7] += 60
    assert len(outliers.clean(table(*wild), options(outliers="speed", outlier_bound=3), "f").points) == 599
    assert len(outliers.clean(table(*wild), options(outliers="speed", outlier_bound=100), "f").points) == 600


def test_two_wild_fixes_side_by_side_go_too():
    wild = WALK.copy()
    wild[3, 7], wild[3, 8] = 1e4, -1e4
    result = outliers.clean(table(*wild), options(outliers="speed"), "f")
    np.testing.assert_array_equal(result.points, np.delete(WALK.reshape(-1, 2), [97, 98], axis=0))


# gaps


def test_a_long_pause_parts_a_track_and_both_parts_are_of_its_group():
    source = table(line(0, 1, 2, 3), line(5, 6), times=[[0, 1, 9, 10], [0, 5]], labels=np.array([0, 1]))
    result = gaps.clean(source, options(max_gap=5), "f")
    assert xs(result) == {"t0 part 1": [0, 1], "t0 part 2": [2, 3], "t1": [5, 6]}
    assert result.groups.tolist() == ["t0", "t0", "t1"]
    assert result.labels.tolist() == [0, 0, 1]
    assert result.notes == ("1 pause longer than 5 in 1 track: split there",)


def test_a_long_pause_may_be_refused_by_name():
    source = table(line(0, 1, 2), line(5, 6), times=[[0, 7, 8], [0, 9]])
    message = refused(gaps.clean, source, options(max_gap=5, long_gaps="refuse"), "f")
    assert "2 pauses longer than 5 in 2 tracks (t0, t1), the longest of 9 in t1; --long-gaps split" in message
    assert "--max-gap needs times" in refused(gaps.clean, table(line(0, 1)), options(max_gap=5), "f")
