"""Controls against numpy: what each one knows of a clip, and what it does not."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from trajprobe.backbones import coordinates, extent, kinematics, noise, pixels, start_position
from trajprobe.errors import UserError
from trajprobe.files.video_shards import Batch
from trajprobe.params import parse


def batch(points, start=0):
    points = np.asarray(points, dtype=np.float64)
    video = np.random.default_rng(0).integers(0, 256, (*points.shape[:2], 4, 5, 3), dtype=np.uint8)
    return Batch(video, points, start, "sha")


WALKS = np.random.default_rng(1).normal(size=(3, 7, 2)).cumsum(axis=1)


def kinematic(points):
    """Speed, turn, size of turn, distance from start, distance from mean."""
    points = np.asarray(points)
    flat = kinematics.features(batch(points), kinematics.Options())
    frames = points.shape[1]
    assert flat.shape == (len(points), 1, 5 * frames - 5)
    return np.split(flat[:, 0], np.cumsum([frames - 1, frames - 2, frames - 2, frames]), axis=1)


def test_pixels_are_the_mean_of_the_colours():
    one = batch(WALKS)
    found = pixels.features(one, pixels.Options())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, one.video.mean(axis=-1).reshape(3, 7, 20) / 255, atol=1e-6)


def test_coordinates_start_position_and_extent_are_read_off_the_points():
    one = batch(WALKS)
    for found, expected in (
        (coordinates.features(one, coordinates.Options()), WALKS),
        (start_position.features(one, start_position.Options()), WALKS[:, [0]]),
        (extent.features(one, extent.Options()), WALKS.max(1, keepdims=True) - WALKS.min(1, keepdims=True)),
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_clips_features_do_not_depend_on_its_neighbours():
    for part, alone in zip(kinematic(WALKS), zip(*(kinematic(WALKS[[i]]) for i in range(3)), strict=True), strict=True):
        np.testing.assert_array_equal(part, np.concatenate(alone))


@pytest.mark.parametrize("direction", [1, -1])
def test_a_circle_has_one_speed_and_one_turning_angle(direction):
    angle = direction * 0.3 * np.arange(9)
    circle = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    speed, turn, size, from_start, from_mean = kinematic(circle)
    np.testing.assert_allclose(speed, 2 * 5 * np.sin(0.15), atol=2e-6)
    np.testing.assert_allclose(turn, direction * 0.3, atol=2e-6)
    np.testing.assert_allclose(size, 0.3, atol=2e-6)
    np.testing.assert_allclose(from_start[0], 10 * np.sin(0.15 * np.arange(9)), atol=2e-6)
    np.testing.assert_allclose(from_mean[0], np.linalg.norm(circle[0] - circle[0].mean(0), axis=-1), atol=2e-6)


def test_a_straight_line_does_not_turn():
    speed, turn, size, from_start, from_mean = kinematic(np.arange(6)[None, :, None] * np.array([3.0, 4.0]))
    np.testing.assert_allclose(speed, 5)
    assert not turn.any()
    assert not size.any()
    np.testing.assert_allclose(from_start[0], 5 * np.arange(6))
    np.testing.assert_allclose(from_mean[0], 5 * np.abs(np.arange(6) - 2.5))


def test_kinematics_do_not_depend_on_place_or_heading_and_tell_a_mirror_image_by_the_turn_alone():
    angle = 0.7
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    one, other, mirrored = kinematic(WALKS), kinematic(WALKS @ rotation.T + [10, -3]), kinematic(WALKS * [1, -1])
    for part, moved in zip(one, other, strict=True):
        np.testing.assert_allclose(moved, part, atol=3e-6)
    for index, sign in enumerate([1, -1, 1, 1, 1]):
        np.testing.assert_allclose(mirrored[index], sign * one[index], atol=3e-6)


def test_noise_is_seeded_and_its_own_in_each_shard():
    one, options = batch(WALKS), noise.Options(dimensions=4, seed=0)
    found = noise.features(one, options)
    assert found.shape == (3, 1, 4)
    assert found.dtype == np.float32
    assert 0 <= found.min() < found.max() < 1
    np.testing.assert_array_equal(found, noise.features(batch(WALKS), options))
    np.testing.assert_array_equal(found, noise.features(batch(100 * WALKS), options))
    assert not np.isin(noise.features(batch(WALKS, start=3), options), found).any()
    assert not np.isin(noise.features(one, noise.Options(dimensions=4, seed=1)), found).any()
    assert len(np.unique(found)) == found.size


def test_noise_tells_nothing_of_the_class():
    labels = np.arange(400) % 2
    found = noise.features(batch(np.zeros((400, 1, 2))), noise.Options(dimensions=8, seed=0))[:, 0]
    accuracy = cross_val_score(LogisticRegression(), found, labels, cv=5).mean()
    assert abs(accuracy - 0.5) < 3 * np.sqrt(0.25 / 400)


def test_an_unknown_option_is_refused():
    with pytest.raises(UserError, match="unknown key `size`"):
        parse({"size": 3}, pixels.Options, "here")
    with pytest.raises(UserError, match="dimensions"):
        parse({"dimensions": 0, "seed": 0}, noise.Options, "here")
