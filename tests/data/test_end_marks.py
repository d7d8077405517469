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


def test_tracks_that_stand_are_silent():
    assert found(np.ones((60, 5, 2))) == []
    assert found(walks(60, 2)) == []
