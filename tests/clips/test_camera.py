"""The camera against numpy: interpolation, views, and the fit to the frame."""

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import camera
from trajprobe.clips.camera import Camera
from trajprobe.clips.scene import framing, place
from trajprobe.clips.sections import rendering_of as of_params
from trajprobe.errors import UserError
from trajprobe.files.tracks import Tracks, bounds

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


def look_at(points, position, target, box):
    """The image of points (n 3), and their depth, by a pinhole camera in half-diagonals from the box's middle, z up."""
    half = np.linalg.norm(box[1] - box[0]) / 2
    eye, aim = box.mean(0) + np.multiply(position, half), box.mean(0) + np.multiply(target, half)
    forward = (aim - eye) / np.linalg.norm(aim - eye)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    seen = (points - eye) @ np.stack([right, np.cross(right, forward), forward]).T
    return np.linalg.norm(aim - eye) * seen[:, :2] / seen[:, 2:], seen[:, 2]


@pytest.mark.parametrize("position", [(4.0, 0.0, 0.5), (-2.0, 3.0, 1.0), (0.0, -5.0, -2.0)])
@pytest.mark.parametrize("target", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.1)])
def test_a_perspective_is_seen_from_where_the_camera_stands(position, target):
    points, seen_by = inside(50), Camera(view="perspective", position=position, target=target)
    expected, depth = look_at(points, position, target, BOX)
    np.testing.assert_allclose(camera.project(points, seen_by, BOX), expected, rtol=0, atol=1e-9)
    near, looks = camera.nearness(points, seen_by, BOX)
    assert np.corrcoef(near, depth)[0, 1] < -0.999
    half = np.linalg.norm(BOX[1] - BOX[0]) / 2
    np.testing.assert_allclose(looks, half * np.linalg.norm(np.subtract(target, position)) / depth, rtol=1e-9)


def test_from_straight_above_x_is_to_the_right_and_y_up():
    seen_by = Camera(view="perspective", position=(0.0, 0.0, 9.0))
    image = camera.project(BOX.mean(0) + np.eye(3), seen_by, BOX)
    assert (np.sign(np.round(image, 9)) == [[1, 0], [0, 1], [0, 0]]).all()


def test_a_field_of_view_spans_the_frame_at_the_targets_distance():
    half = np.linalg.norm(BOX[1] - BOX[0]) / 2
    low, high = camera.image_box(BOX, Camera(view="perspective", position=(4.0, 0.0, 0.0), field_of_view=90.0))
    np.testing.assert_allclose(high, 4 * half, rtol=1e-9)
    np.testing.assert_array_equal(low, -high)
    flat = camera.image_box(BOX[:, :2], Camera(view="perspective", field_of_view=90.0))
    np.testing.assert_array_equal([flat[0][0, 0], flat[1][0, 0]], BOX[:, :2])


@pytest.mark.parametrize(("view", "axis", "nearest"), [("xy", 2, 1), ("xz", 1, 0), ("yz", 0, 1)])
def test_flat_views_see_along_the_axis_that_they_drop(view, axis, nearest):
    ends = np.tile(BOX.mean(0), (3, 1))
    ends[:2, axis] = BOX[[nearest, 1 - nearest], axis]
    near, looks = camera.nearness(ends, Camera(view=view), BOX)
    np.testing.assert_allclose(near, [1, 0, 0.5])
    np.testing.assert_allclose(looks, [1.5, 0.5, 1])


def test_a_camera_moves_by_the_tracks_number_alone():
    moving = Camera(pan=0.25, shake=0.05, seed=3)
    moved = camera.shift(moving, np.arange(500), 9, 64)
    np.testing.assert_array_equal(camera.shift(moving, np.array([17]), 9, 64)[0], moved[17])
    assert not (camera.shift(Camera(pan=0.25, shake=0.05, seed=4), np.arange(500), 9, 64) == moved).all()
    assert not camera.shift(Camera(), np.arange(500), 9, 64).any()
    pan = camera.shift(Camera(pan=0.25), np.arange(500), 9, 64)
    way = np.linalg.norm(pan[:, -1] - pan[:, 0], axis=1)
    np.testing.assert_allclose(way, 16, atol=1.5)
    straight = pan[:, :1] + (pan[:, -1:] - pan[:, :1]) * np.linspace(0, 1, 9)[:, None]
    assert np.abs(pan - straight).max() <= 1
    headings = np.arctan2(*(pan[:, -1] - pan[:, 0]).T)
    assert np.histogram(headings, 4, (-np.pi, np.pi))[0].min() > 90
    shaken = camera.shift(Camera(shake=0.05), np.arange(500), 9, 64)
    assert np.abs(shaken).max() == 3
    assert np.abs(np.corrcoef(shaken[:, 0, 0], shaken[:, 1, 0])[0, 1]) < 0.2


def test_depth_of_flat_tracks_is_refused():
    points = np.random.default_rng(0).normal(size=(4, 6, 2))
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    tracks = Tracks(points, np.tile(np.arange(6.0), (4, 1)), np.full(4, 6), box)
    drawn = rendering(3, 16, marker={"radius_by": "depth"})
    with pytest.raises(UserError, match=r"`scenes\.default`: got a marker by depth, but tracks in 2-D; expected"):
        place(tracks, framing(tracks, drawn.placement), drawn)


def test_a_field_of_view_and_tracks_that_each_fill_the_frame_are_refused():
    values = {
        "render": {"scaling": "track", "time": "normalised", "margin": 0.1},
        "scenes": {"default": {"camera": {"view": "perspective", "field_of_view": 40.0}}},
        "clips": {"t9": {"frames": 9, "resolution": 16}},
    }
    with pytest.raises(UserError, match=r"`scenes\.default`, at `camera`: got a `field_of_view` and render\.scal"):
        of_params(values, "t9")
    values["render"]["scaling"] = "dataset"
    assert of_params(values, "t9").scene.camera.field_of_view == 40
