"""Times and places without resolution."""

import numpy as np
import pytest
from small_sets import file_of, tracks_of, walks

from trajprobe.data import resolution


def times_found(change, lengths=None, count=60):
    times = np.tile(np.arange(30.0), (count, 1))
    tracks = tracks_of(walks(count), change(times), lengths)
    return {finding.name: finding for finding in resolution.times(tracks, file_of(count))}


def test_even_and_irregular_times_are_silent():
    assert times_found(lambda times: times) == {}
    draw = np.random.default_rng(0).exponential
    assert (
        times_found(lambda times: draw(size=times.shape).cumsum(1), np.random.default_rng(1).integers(8, 31, 60)) == {}
    )
    assert times_found(lambda times: np.floor(times / 1.5)) == {}  # some stand twice


def test_equal_times_are_grave():
    (finding,) = times_found(np.zeros_like).values()
    assert (finding.name, finding.grave, len(finding.items)) == ("equal times", True, 60)
    assert "`render.time: arc_length`" in finding.text


def test_seconds_since_1970_in_float32_are_coarse():
    found = times_found(lambda times: (1.7e9 + 20 * times).astype(np.float32))
    (finding,) = found.values()
    assert (finding.name, finding.grave) == ("coarse times", True)
    assert times_found(lambda times: 1.7e9 + 20 * times) == {}


def test_one_late_stamp_is_named():
    def change(times):
        times[[4, 9], -1] = 1e6
        return times

    (finding,) = times_found(change).values()
    assert (finding.name, finding.grave, finding.items) == ("late times", False, ((104,), (109,)))
    assert "--max-gap" in finding.text


def test_few_of_many_tracks_are_not_told():
    def change(times):
        times[3, -1] = 1e6
        return times

    assert times_found(change, count=200) == {}
    assert len(times_found(change, count=100)) == 1


def test_padding_is_no_time():
    assert times_found(lambda times: times, lengths=np.full(60, 9)) == {}


@pytest.mark.parametrize(("offset", "dtype", "coarse"), [
    (5_334_000, np.float32, True), (5_334_000, np.float64, False), (0, np.float32, False),
])  # fmt: skip
def test_metres_far_from_the_origin_are_coarse_in_float32(offset, dtype, coarse):
    points = (0.05 * walks() + [0, offset]).astype(dtype)
    found = list(resolution.places(tracks_of(points), file_of(60)))
    assert len(found) == coarse
    assert all("(y by 0.5)" in finding.text for finding in found)


def test_pixels_are_not_coarse():
    assert list(resolution.places(tracks_of(np.round(walks()) + 500), file_of(60))) == []
