"""The trail against areas: straight strokes exactly, ends nearly, and what is seen of it in each frame."""

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import scene, trail
from trajprobe.clips.scene import Places

FINE = 64


def area(start, end, radius, side):
    """The share of each pixel (h w) of a frame that is within `radius` of the line from `start` to `end`."""
    fine = (np.arange(side * FINE) + 0.5) / FINE - 0.5
    step = np.subtract(end, start)
    x, y = fine[None] - start[0], fine[:, None] - start[1]
    along = np.clip((x * step[0] + y * step[1]) / max(step @ step, 1e-12), 0, 1)
    near = np.hypot(x - along * step[0], y - along * step[1]) <= radius
    return near.reshape(side, FINE, side, FINE).mean(axis=(1, 3))


def stroke(start, end, radius, side):
    corner = np.zeros((1, 2), np.int64)
    return trail.strokes(np.array([start]), np.array([end]), corner, side, radius)[0]


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.9, 1.0, 2.6])
@pytest.mark.parametrize("degrees", [0, 3, 30, 45, 77, 90, 200])
def test_a_straight_stroke_is_within_a_grey_level_of_its_area_and_its_ends_nearly(radius, degrees):
    heading = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    middle, side = np.array([11.3, 12.1]), 24
    for half, most in ((40, 2.5), (4, 64)):  # of the long one, no end is in the frame
        ends = middle - half * heading, middle + half * heading
        got, expected = stroke(*ends, radius, side), 255 * area(*ends, radius, side)
        assert np.abs(got - expected).max() <= most
        assert got.sum() == pytest.approx(expected.sum(), rel=0.03 if half == 40 else 0.12)


def test_a_stroke_without_length_is_a_dot():
    dot = stroke((5.0, 5.0), (5.0, 5.0), 2.0, 11)
    assert dot.sum() / 255 == pytest.approx(4 * np.pi, rel=0.05)
    np.testing.assert_array_equal(dot, dot.T)


def walk(frames, strokes, count=6, seed=0):
    """Places of walks in a frame of 32 pixels; what is out of it too."""
    moments = (frames - 1) * strokes + 1
    path = 15 + np.random.default_rng(seed).normal(0, 3, (count, moments, 2)).cumsum(axis=1)
    points = np.ascontiguousarray(path[:, ::strokes])
    ones = np.ones(points.shape[:2])
    return Places(points, path, np.zeros(points.shape, np.int64), 0 * ones, ones, np.arange(count))


def shown(places, **of_trail):
    """The share of each pixel that the trail covers, as drawn: white on black, behind a marker that is out of sight."""
    far = Places(**vars(places) | {"points": places.points * 0 - 999.0})
    drawn = rendering(places.points.shape[1], 32, trail={"width": 0.07, "colour": [255, 255, 255]} | of_trail)
    return scene.draw(far, drawn)[..., 0].astype(int)


@pytest.mark.parametrize("length", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("fading", [False, True])
def test_each_frame_shows_the_strokes_behind_it_as_far_back_as_the_trail_is_long(length, fading):
    frames, strokes = 5, 8
    places = walk(frames, strokes)
    video = shown(places, length=length, fading=fading)
    kept = length * (places.path.shape[1] - 1)
    for clip, frame in np.ndindex(len(places), frames):
        expected = np.zeros((32, 32))
        for step in range(frame * strokes):
            age = frame * strokes - step - 1
            if age < kept:
                weight = 1 - age / kept if fading else 1.0
                own = stroke(places.path[clip, step], places.path[clip, step + 1], 0.035 * 32, 32)
                expected = np.maximum(expected, weight * own)
        assert np.abs(video[clip, frame] - expected).max() <= 1.6


def test_a_camera_that_moves_moves_the_whole_trail():
    places = walk(5, 8)
    moved = np.random.default_rng(1).integers(-4, 5, places.shift.shape)
    still, video = (
        shown(places),
        shown(Places(*list(vars(places).values())[:2], moved, *list(vars(places).values())[3:])),
    )
    for clip, frame in np.ndindex(len(places), 5):
        x, y = moved[clip, frame]
        expected = np.zeros((48, 48), int)
        expected[8 + y : 40 + y, 8 + x : 40 + x] = still[clip, frame]
        inner = (slice(max(y, 0), 32 + min(y, 0)), slice(max(x, 0), 32 + min(x, 0)))
        np.testing.assert_array_equal(video[clip, frame][inner], expected[8:40, 8:40][inner])


def test_a_trail_is_behind_the_marker_and_on_the_background():
    drawn = rendering(5, 32, trail={"width": 0.1, "colour": [0, 255, 0]}, marker={"shape": "disc", "radius": 0.1},
                      background={"colour": [9, 0, 50]})  # fmt: skip
    places = walk(5, trail.substeps(5), count=20)
    video = scene.draw(places, drawn)
    for clip in range(20):
        x, y = np.round(places.points[clip, 4]).astype(int)
        if 2 <= min(x, y) <= max(x, y) < 30:
            assert (video[clip, 4, y, x] == 255).all()
    assert (video[..., 1] > 250).any(axis=(2, 3))[:, 1:].mean() > 0.5
    plain = (video == [9, 0, 50]).all(axis=-1)
    assert plain.mean() > 0.3


def test_a_path_has_many_moments_however_few_frames():
    for frames in (2, 5, 17, 33, 100):
        assert (frames - 1) * trail.substeps(frames) >= trail.MOMENTS
    assert trail.substeps(100) == 1
