"""The synthetic families: how many, drawn alike each time, and each with the property that defines it."""

import numpy as np
import pytest

from trajprobe.data.synthetic import NAMES, Synthetic, arrays, tracks

GRID = 1e-5  # coordinates are rounded to it
PLAIN = Synthetic(clips=100, pool=1, points=40, tilt=0.5, noise=0.0, seed=0, pool_seed=1)
FLAT = Synthetic(clips=100, pool=1, points=40, tilt=0.0, noise=0.0, seed=0, pool_seed=1)


def of(family, params=PLAIN, count=200):
    """The tracks (n t 3) of one family."""
    points, labels = tracks(count, params, seed=5)
    return points[labels == NAMES.index(family)].astype(np.float64)


def steps(points):
    """The length of each step (n t-1), in 3-D."""
    return np.linalg.norm(np.diff(points, axis=1), axis=-1)


def thickness(points):
    """The two smaller extents of each track (n 2) along its own axes: 0 0 of a line, 0 last of a plane curve."""
    centred = points - points.mean(1, keepdims=True)
    return np.linalg.svd(centred, compute_uv=False)[:, 1:] / np.sqrt(points.shape[1])


def radii(points, apart=1):
    """Of each three points `apart` from each other, the radius of the circle through them (n t-2*apart)."""
    first, second, third = points[:, : -2 * apart], points[:, apart:-apart], points[:, 2 * apart :]
    sides = [np.linalg.norm(a - b, axis=-1) for a, b in ((first, second), (second, third), (first, third))]
    half = sum(sides) / 2
    area = np.sqrt(half * (half - sides[0]) * (half - sides[1]) * (half - sides[2]))
    return sides[0] * sides[1] * sides[2] / (4 * area)


def turning(points):
    """Signed turning at each inner point (n t-2), seen from above: positive is counterclockwise."""
    step = np.diff(points[..., :2], axis=1)
    return step[:, :-1, 0] * step[:, 1:, 1] - step[:, :-1, 1] * step[:, 1:, 0]


@pytest.mark.parametrize(("count", "fewest", "most"), [(200, 20, 20), (20, 2, 2), (27, 2, 3)])
def test_every_family_has_its_share(count, fewest, most):
    points, labels = tracks(count, PLAIN, seed=0)
    assert points.shape == (count, 40, 3)
    assert points.dtype == np.float32
    per_family = np.bincount(labels, minlength=len(NAMES))
    assert len(per_family) == 10
    assert (per_family.min(), per_family.max()) == (fewest, most)


def test_labels_stand_in_random_order():
    _, labels = tracks(200, PLAIN, seed=0)
    assert 0 < (np.diff(labels) == 0).sum() < 60  # about 1 in 10 by chance; none or all if they were in turn or sorted


def test_a_seed_gives_the_same_tracks_and_another_seed_others():
    (first, labels), (again, same), (other, others) = (tracks(50, PLAIN, seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert labels.tobytes() == same.tobytes()
    assert not np.array_equal(labels, others)
    assert not np.isin(first, other).all(axis=(1, 2)).any()


def test_no_two_tracks_are_alike():
    points, _ = tracks(200, PLAIN, seed=0)
    assert len({track.tobytes() for track in points}) == 200


def test_arrays_are_those_of_a_raw_file():
    made = arrays(30, PLAIN, seed=2)
    points, labels = tracks(30, PLAIN, seed=2)
    np.testing.assert_array_equal(made["trajectories"], points)
    np.testing.assert_array_equal(made["labels"], labels)
    assert made["label_names"].tolist() == list(NAMES)


def test_everything_is_within_the_world():
    points, _ = tracks(2000, Synthetic(clips=20, pool=1, points=20, tilt=0.5, noise=0.008, seed=0, pool_seed=1), seed=0)
    assert np.abs(points).max() < 1.2
    assert np.abs(points).max(axis=(0, 1)).min() > 0.4  # and all three axes are used


def test_noise_is_of_the_size_that_is_asked_for():
    noisy = Synthetic(clips=20, pool=1, points=40, tilt=0.5, noise=0.05, seed=0, pool_seed=1)
    difference = tracks(100, noisy, seed=1)[0] - tracks(100, PLAIN, seed=1)[0]
    assert difference.std() == pytest.approx(0.05, rel=0.05)
    assert abs(difference.mean()) < 0.005


def test_without_tilt_all_but_the_helix_lie_level():
    for family in NAMES:
        height = np.ptp(of(family, FLAT)[..., 2], axis=1)
        assert (height.min() > 0.1) if family == "helical" else (height.max() == 0)


def test_tilt_is_at_most_what_is_asked_for():
    points = of("circular_clockwise")
    normal = np.linalg.svd(points - points.mean(1, keepdims=True))[2][:, 2]
    angle = np.arccos(np.clip(np.abs(normal[:, 2]), 0, 1))
    assert angle.max() <= 0.5 + 1e-3
    assert angle.max() > 0.35  # of 20, drawn evenly from 0 to 0.5


def test_headings_go_all_around():
    points = of("linear", FLAT)
    heading = np.arctan2(*(points[:, -1] - points[:, 0])[:, [1, 0]].T)
    assert len(np.unique(np.floor(heading / (np.pi / 2)))) == 4


@pytest.mark.parametrize("family", ["linear", "accelerating", "decelerating"])
def test_straight_families_are_straight(family):
    assert thickness(of(family)).max() < GRID


def test_linear_keeps_its_speed():
    assert np.ptp(steps(of("linear")), axis=1).max() < 4 * GRID


def test_accelerating_speeds_up_all_the_way():
    assert np.diff(steps(of("accelerating"))).min() > 0


def test_decelerating_slows_down_all_the_way():
    assert np.diff(steps(of("decelerating"))).max() < 0


@pytest.mark.parametrize(("family", "sign"), [("circular_clockwise", -1), ("circular_counterclockwise", 1)])
def test_circles_turn_their_way_about_one_centre(family, sign):
    points = of(family, FLAT)
    assert (np.sign(turning(points)) == sign).all()
    radius = radii(points, apart=5)
    assert np.ptp(radius, axis=1).max() < 2e-3
    assert (radius.mean(1) > 0.2).all()


def test_circles_go_most_of_the_way_round():
    points = of("circular_clockwise")
    around = steps(points).sum(1) / (2 * np.pi * radii(points, apart=5).mean(1))
    assert around.min() > 0.85
    assert around.max() < 1.65


@pytest.mark.parametrize(("family", "sign"), [("spiral_in", -1), ("spiral_out", 1)])
def test_spirals_radius_falls_inwards_and_rises_outwards(family, sign):
    radius = radii(of(family))
    assert (sign * np.diff(radius, axis=1) > 0).all()
    ratio = (radius[:, -1] / radius[:, 0]) ** sign
    assert ratio.min() > 3


@pytest.mark.parametrize("family", ["spiral_in", "spiral_out"])
def test_spirals_turn_either_way_but_each_one_way_only(family):
    sign = np.sign(turning(of(family, FLAT)))
    assert (sign == sign[:, :1]).all()
    assert set(sign[:, 0]) == {-1, 1}


def test_a_parabola_has_one_acceleration_across_its_way():
    points = of("parabolic")
    second = np.diff(points, 2, axis=1)
    assert np.ptp(second, axis=1).max() < 8 * GRID
    assert thickness(points)[:, 0].min() > 0.05  # not straight
    assert thickness(points)[:, 1].max() < GRID  # plane
    middle = points[:, 20] - points[:, 19]  # where the speed is least, straight across the acceleration
    cosine = (middle * second.mean(1)).sum(1) / np.linalg.norm(middle, axis=1) / np.linalg.norm(second.mean(1), axis=1)
    assert np.abs(cosine).max() < 0.02


def test_a_helix_looks_the_same_from_each_of_its_points_and_is_not_plane():
    points = of("helical")
    for apart in (1, 5, 11):
        chord = np.linalg.norm(points[:, apart:] - points[:, :-apart], axis=-1)
        assert np.ptp(chord, axis=1).max() < 4 * GRID
    assert thickness(points)[:, 1].min() > 0.03


def test_a_zigzag_has_two_straight_ways_and_some_corners():
    points = of("zigzag")
    assert thickness(points)[:, 1].max() < GRID  # plane
    step = np.diff(points, axis=1)
    way = step / np.linalg.norm(step, axis=-1, keepdims=True)
    straight = (way[:, :-1] * way[:, 1:]).sum(-1) > 1 - 1e-6
    for one, goes_on in zip(way, straight, strict=True):
        ways = one[:-1][goes_on]
        alike = (ways @ ways[0]) > 1 - 1e-5
        others = ways[~alike]
        assert len(others)
        assert (others @ others[0]).min() > 1 - 1e-5
        corners = (np.diff(np.flatnonzero(goes_on)) > 1).sum()
        assert 2 <= corners <= 5
