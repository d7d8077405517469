"""Which tracks stretch the box: those, no others, and only where the box decides the scale."""

import numpy as np
import pytest
from small_sets import file_of, tracks_of, walks

from trajprobe.data import stretch


def found(points, axes=(0, 1), scaling="dataset"):
    return list(stretch.findings(tracks_of(points), axes, file_of(len(points)), scaling))


@pytest.mark.parametrize("seed", range(5))
def test_an_even_set_is_silent(seed):
    assert found(walks(seed=seed)) == []


def test_a_wild_point_is_grave_and_its_track_named_with_both_remedies():
    points = walks()
    points[17, 4, 1] = 1e6
    (finding,) = found(points)
    sides = [np.ptp(p.reshape(-1, 2), axis=0).max() for p in (points, np.delete(points, 17, axis=0))]
    assert finding.grave
    assert finding.items == ((117,),)
    assert finding.text.startswith(
        f"1 track of 60 stretches the data set's box {sides[0] / sides[1]:,.0f} times (row of data/raw/set.npz, from "
        "0: 117), and at one scale all other clips shrink by as much"
    )
    assert "`trajprobe data import FILE --name set --force --outliers place`" in finding.text
    assert "`render.scaling: robust`" in finding.text


def test_some_wild_tracks_are_all_named_and_no_other():
    points = walks(100)
    points[[3, 50, 51]] *= 1000
    (finding,) = found(points)
    assert finding.items == ((103,), (150,), (151,))


def test_a_box_that_is_somewhat_longer_is_told_and_not_grave():
    points = walks(100)
    points[7, 0] = 6 * np.abs(points).max()
    (finding,) = found(points)
    assert not finding.grave


@pytest.mark.parametrize(("scaling", "count"), [("robust", 1), ("track", 0), ("none", 0)])
def test_where_the_box_decides_no_scale_nothing_is_grave(scaling, count):
    points = walks()
    points[17, 4] = 1e6
    told = found(points, scaling=scaling)
    assert len(told) == count
    assert not any(finding.grave for finding in told)


def test_an_axis_that_is_not_drawn_stretches_nothing():
    points = walks(d=3)
    points[17, 4, 2] = 1e6
    assert found(points, axes=(0, 1)) == []
    assert len(found(points, axes=(0, 2))) == 1


def test_tracks_of_one_place_are_silent():
    assert found(np.ones((30, 5, 2))) == []
    assert found(np.ones((2, 5, 2))) == []
