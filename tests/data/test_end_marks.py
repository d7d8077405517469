"""Marks at the ends of tracks."""

import numpy as np
import pytest
from small_sets import file_of, tracks_of, walks

from trajprobe.data import end_marks


def found(points, lengths=None):
    return list(end_marks.findings(tracks_of(points, lengths=lengths), file_of(len(points))))


def marked(mark, chosen, count=60):
    points = walks(count) + 40
    for track in chosen:
        points[track, 12 + track % 7 :] = mark
    return points


@pytest.mark.parametrize(("mark", "option"), [(0.0, "--missing=0"), (-999.0, "--missing=-999")])
def test_a_mark_is_grave_and_named(mark, option):
    (finding,) = found(marked(mark, range(0, 60, 4)))
    assert finding.grave
    assert finding.items == tuple((100 + track,) for track in range(0, 60, 4))
    assert f"jump to ({mark}, {mark}) and stay there" in finding.text
    assert f"--force {option}` leaves them out" in finding.text


def test_few_marks_are_told_and_not_grave():
    (finding,) = found(marked(0.0, range(4)))
    assert not finding.grave
    assert found(marked(0.0, range(2))) == []


def test_tracks_that_walk_to_one_place_and_stay_are_silent():
    ends = np.linspace(1, 0, 20)[:, None] * walks(60, 1)
    assert found(np.concatenate([ends, np.zeros((60, 5, 2))], axis=1)) == []


def test_padding_behind_a_length_is_no_mark():
    points = marked(0.0, range(60))
    assert found(points, 12 + np.arange(60) % 7) == []


def padded_from_the_origin(count=60, lengths=(12, 18), steps=20):
    points = walks(count, steps)
    points -= points[:, :1]
    for track in range(count):
        points[track, lengths[0] + track % (lengths[1] - lengths[0]) :] = 0
    return points


def test_zeros_that_fill_tracks_from_the_origin_are_grave_and_named():
    (finding,) = found(padded_from_the_origin())
    assert finding.grave
    assert len(finding.items) == 60
    assert "60 tracks of 60 end with 3 zeros or more, which fill all tracks to 20 points (rows of" in finding.text
    assert (
        "are they shorter tracks? `trajprobe data import FILE --name set --force --missing=padding` lea" in finding.text
    )


def test_a_return_to_the_origin_is_no_padding():
    rests = 14 + np.arange(60) % 5
    points = padded_from_the_origin(lengths=(19, 20))
    for walk, rest in zip(points, rests, strict=True):
        walk[:rest] *= np.linspace(1, 0, rest)[:, None] ** 2
        walk[rest:] = 0
    assert found(points) == []
    assert found(padded_from_the_origin(lengths=(15, 16))) == []  # one length: that of the recording
    assert found(padded_from_the_origin(lengths=(19, 20))) == []
    points = padded_from_the_origin()
    assert found(points, 12 + np.arange(60) % 6) == []  # padding behind a length
    assert found(points, np.where(np.arange(60) % 2, 19, 20)) == []


def test_tracks_that_stand_are_silent():
    assert found(np.ones((60, 5, 2))) == []
    assert found(walks(60, 2)) == []
