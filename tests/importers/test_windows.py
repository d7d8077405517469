"""Windows: which points each has, whose group it is, and what is left out."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).with_name("cleaning")))

from tables import line, options, table, xs

from trajprobe.errors import UserError
from trajprobe.importers.windows import cut


def test_windows_of_points_follow_each_other_and_the_rest_goes():
    result = cut(table(line(*range(7)), line(10, 11, 12)), options(window=3), "f")
    assert xs(result) == {"t0 window 1": [0, 1, 2], "t0 window 2": [3, 4, 5], "t1": [10, 11, 12]}
    assert result.groups.tolist() == ["t0", "t0", "t1"]
    assert result.notes == ("3 windows of 3 every 3 points cut from tracks",)


def test_windows_overlap_by_the_stride():
    result = cut(table(line(*range(8))), options(window=4, stride=2), "f")
    assert list(xs(result).values()) == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_windows_of_time_have_the_points_of_their_time():
    source = table(line(*range(6)), times=[[0, 0.5, 1, 3, 3.5, 4]])
    result = cut(source, options(window=2, stride=1), "f")
    assert list(xs(result).values()) == [[0, 1, 2], [2], [3, 4]]
    assert list(xs(cut(source, options(window=3, window_in="points"), "f")).values()) == [[0, 1, 2], [3, 4, 5]]


def test_a_track_of_n_steps_has_room_for_a_window_of_n_plus_1_points():
    for steps in range(4, 40):
        times = [np.arange(steps) * 0.1]  # no sum of tenths is exact
        result = cut(table(line(*range(steps)), times=times), options(window=0.3, stride=0.1), "f")
        assert list(xs(result).values()) == [list(range(at, at + 3)) for at in range(steps - 2)]


def test_every_window_is_what_a_loop_would_cut():
    generator = np.random.default_rng(0)
    times = [np.sort(generator.uniform(0, 50, size)) for size in generator.integers(5, 80, 20)]
    source = table(*(line(*np.arange(len(of_track))) for of_track in times), times=times)
    result = cut(source, options(window=5, stride=3), "f")
    expected = []
    for of_track in times:
        elapsed, step = of_track - of_track[0], (of_track[-1] - of_track[0]) / (len(of_track) - 1)
        start = 0.0
        while start + 5 <= elapsed[-1] + step + 1e-9:
            expected.append(np.flatnonzero((elapsed >= start) & (elapsed < start + 5)).tolist())
            start += 3
    assert list(xs(result).values()) == [window for window in expected if window]


def test_labels_and_groups_go_with_the_windows():
    source = table(line(*range(4)), line(*range(4)), labels=np.array([1, 0]), groups=np.array(["a", "a"]))
    result = cut(source, options(window=2), "f")
    assert result.labels.tolist() == [1, 1, 0, 0]
    assert result.groups.tolist() == ["a"] * 4


def test_short_tracks_are_counted():
    result = cut(table(line(0, 1), line(*range(5))), options(window=4), "f")
    assert result.notes[1] == "1 of 2 tracks left out: they are shorter than a window"


@pytest.mark.parametrize(("chosen", "words"), [
    ({"window": 9.0}, "f: --window: got 9 points, and no track is as long: the longest has 5"),
    ({"window": 2.5}, "--window, --stride: got 2.5 and 2.5, expected whole numbers of points"),
    ({"window": 2.0, "window_in": "time"}, "f: --window-in time needs times; name them with --time"),
])  # fmt: skip
def test_windows_that_do_not_fit_are_refused(chosen, words):
    with pytest.raises(UserError, match="window") as caught:
        cut(table(line(*range(5))), options(**chosen), "f")
    assert words in str(caught.value)


def test_tiny_strides_are_refused_before_they_fill_the_memory():
    with pytest.raises(UserError, match="too large: needs"):
        cut(table(line(*range(5)), times=[np.arange(5.0)]), options(window=4.0, stride=1e-12), "f")
