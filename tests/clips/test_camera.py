"""The camera against numpy: interpolation, views, and the fit to the frame."""

import numpy as np
import pytest

from trajprobe.clips import camera
from trajprobe.clips.camera import Camera
from trajprobe.files.tracks import bounds

BOX = np.array([[-1.0, 0.5, -2.0], [3.0, 2.5, 0.0]])


def inside(count, box=BOX, seed=0):
    """Random points (n d) in the box."""
    return np.random.default_rng(seed).uniform(*box, (count, box.shape[1]))


def uneven(count, steps, d, seed=0):
    """Tracks of uneven times and ragged lengths; what is behind a length is junk."""
    generator = np.random.default_rng(seed)
    times = np.cumsum(generator.uniform(0.05, 2, (count, steps)), axis=1) - 3
    return times, generator.normal(size=(count, steps, d)), generator.integers(2, steps + 1, count)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("frames", [2, 5, 17, 64])
def test_resampling_is_linear_interpolation_at_equal_steps(d, frames):
    times, points, lengths = uneven(12, 9, d)
    got = camera.resample(times, points, lengths, frames)
    assert got.shape == (12, frames, d)
    for i, length in enumerate(lengths):
        at = np.linspace(times[i, 0], times[i, length - 1], frames)
        expected = [np.interp(at, times[i, :length], points[i, :length, axis]) for axis in range(d)]
        np.testing.assert_allclose(got[i], np.stack(expected, axis=-1), rtol=0, atol=1e-12)


def test_resampling_at_its_own_times_changes_nothing():
    points = np.random.default_rng(0).normal(size=(3, 9, 2))
    got = camera.resample(np.tile(np.arange(9.0), (3, 1)), points, np.full(3, 9), 9)
    np.testing.assert_array_equal(got, points)


def test_one_frame_shows_the_start():
    times, points, lengths = uneven(5, 6, 2)
    np.testing.assert_array_equal(camera.resample(times, points, lengths, 1), points[:, :1])


def test_a_track_of_one_point_stays_there():
    got = camera.resample(np.zeros((1, 3)), np.array([[[4.0, 5.0], [9.0, 9.0], [9.0, 9.0]]]), np.array([1]), 4)
    np.testing.assert_array_equal(got, [[[4.0, 5.0]] * 4])


@pytest.mark.parametrize("time", [
    [0.0, 1.0, 1.0, 2.0],
    [0.0, 0.0, 1.0, 2.0],
    [0.0, 1.0, 1.0, 1.0, 4.0],
])  # fmt: skip
def test_at_a_repeated_time_the_last_point_counts(time):
    time = np.array(time)
    points = np.random.default_rng(1).normal(size=(len(time), 2))
    got = camera.resample(time[None], points[None], np.array([len(time)]), 9)[0]
    at = np.linspace(time[0], time[-1], 9)
    np.testing.assert_allclose(got, np.stack([np.interp(at, time, axis) for axis in points.T], axis=-1), atol=1e-12)


@pytest.mark.parametrize("time", [[0.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
def test_at_a_repeated_last_time_too_the_last_point_counts(time):
    time = np.array(time)
    points = np.random.default_rng(1).normal(size=(len(time), 2))
    got = camera.resample(time[None], points[None], np.array([len(time)]), 5)[0]
    np.testing.assert_allclose(got[-1], points[-1], atol=1e-12)


@pytest.mark.parametrize(("view", "axes"), [("xy", [0, 1]), ("xz", [0, 2]), ("yz", [1, 2])])
def test_flat_views_drop_an_axis(view, axes):
    points = inside(20).reshape(4, 5, 3)
    np.testing.assert_array_equal(camera.project(points, Camera(view=view), BOX), points[..., axes])


@pytest.mark.parametrize("view", ["xy", "xz", "yz", "perspective"])
def test_points_in_2d_are_their_own_image(view):
    points = inside(20)[:, :2]
    np.testing.assert_array_equal(camera.project(points, Camera(view=view), BOX[:, :2]), points)


def pinhole(points, box):
    """The image of points (n 3) by a pinhole camera at 3 half-diagonals along (1, 1, 1), with z up."""
    middle, distance = box.mean(0), 3 * np.linalg.norm(box[1] - box[0]) / 2
    forward = -np.ones(3) / np.sqrt(3)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(right, forward), forward])
    seen = (points - (middle - distance * forward)) @ rotation.T
    return distance * seen[:, :2] / seen[:, 2:]


def test_perspective_is_a_pinhole_camera():
    points = inside(50)
    np.testing.assert_allclose(
        camera.project(points, Camera(view="perspective"), BOX), pinhole(points, BOX), rtol=0, atol=1e-12
    )


def test_in_perspective_what_is_farther_is_smaller():
    stick, seen_by = np.array([[0.0, 0.0, -0.2], [0.0, 0.0, 0.2]]), Camera(view="perspective")
    middle, towards = BOX.mean(0), np.ones(3) / np.sqrt(3)
    lengths = [
        np.linalg.norm(np.diff(camera.project(stick + middle + away * towards, seen_by, BOX), axis=0))
        for away in (1.0, 0.0, -1.0)
    ]
    assert lengths[0] > 1.1 * lengths[1] > 1.2 * lengths[2]


def test_a_box_of_no_size_has_a_finite_perspective():
    point = np.ones((1, 3))
    assert np.isfinite(camera.project(point, Camera(view="perspective"), np.ones((2, 3)))).all()


@pytest.mark.parametrize("view", ["xy", "xz", "yz", "perspective"])
def test_the_image_of_the_box_holds_all_points_and_no_more_than_it_must(view):
    low, high = camera.image_box(BOX, Camera(view=view))
    assert low.shape == high.shape == (1, 1, 2)
    corners = np.array([[BOX[i, 0], BOX[j, 1], BOX[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    image = camera.project(np.concatenate([corners, inside(2000)]), Camera(view=view), BOX)
    assert (image >= low[0] - 1e-12).all()
    assert (image <= high[0] + 1e-12).all()
    np.testing.assert_allclose([image.min(0), image.max(0)], [low[0, 0], high[0, 0]], atol=1e-12)


def test_the_image_of_a_box_in_2d_is_that_box():
    low, high = camera.image_box(BOX[:, :2], Camera(view="perspective"))
    np.testing.assert_array_equal([low[0, 0], high[0, 0]], BOX[:, :2])


@pytest.mark.parametrize("shift", [-10, 10])
def test_bounds_are_of_the_real_points_alone(shift):
    _, image, lengths = uneven(10, 8, 2)
    image += shift
    low, high = bounds(image, lengths)
    assert low.shape == high.shape == (10, 1, 2)
    for i, length in enumerate(lengths):
        np.testing.assert_array_equal(low[i, 0], image[i, :length].min(0))
        np.testing.assert_array_equal(high[i, 0], image[i, :length].max(0))


@pytest.mark.parametrize(
    ("extent", "resolution", "margin"), [((4.0, 2.0), 32, 0.1), ((1.0, 3.0), 64, 0.0), ((2.0, 2.0), 9, 0.3)]
)
def test_the_fit_keeps_the_aspect_and_fills_the_frame_but_for_its_margin(extent, resolution, margin):
    low = np.array([[[-7.0, 5.0]]])
    high = low + extent
    image = np.array([[[-7.0, 5.0], [-7.0 + extent[0], 5.0 + extent[1]], [-7.0 + extent[0] / 2, 5.0 + extent[1] / 2]]])
    first, last, middle = camera.fit(image, low, high, resolution, margin)[0]
    room = resolution * (1 - 2 * margin)
    np.testing.assert_allclose(middle, [(resolution - 1) / 2] * 2, atol=1e-9)  # centred
    width, height = last[0] - first[0], first[1] - last[1]  # up is a smaller row
    np.testing.assert_allclose([width, height], np.array(extent) * room / max(extent), atol=1e-9)


def test_each_track_is_fitted_to_its_own_bounds():
    _, image, lengths = uneven(10, 8, 2)
    low, high = bounds(image, lengths)
    got = camera.fit(image, low, high, 32, 0.1)
    for i, length in enumerate(lengths):
        assert np.ptp(got[i, :length], axis=0).max() == pytest.approx(32 * 0.8)


def test_what_has_no_extent_goes_to_the_middle():
    image = np.full((1, 4, 2), 7.0)
    low, high = bounds(image, np.array([4]))
    np.testing.assert_array_equal(camera.fit(image, low, high, 32, 0.1), np.full((1, 4, 2), 15.5))
