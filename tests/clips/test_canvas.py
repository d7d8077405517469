"""The rasteriser against the exact Gaussian in numpy."""

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import marker, scene
from trajprobe.clips.scene import Places
from trajprobe.clips.shapes import SUBPIXELS


def draw(points, resolution, sigma):
    """The default scene's clips [b t h w c] of blobs at `points` (b t 2), of `sigma` pixels."""
    drawn = rendering(points.shape[1], resolution, radius=sigma / resolution)
    still, ones = np.zeros(points.shape, np.int64), np.ones(points.shape[:2])
    return scene.draw(Places(points, points, still, 0 * ones, ones, np.arange(len(points))), drawn)


def patches(sigma):
    """The table of such blobs: uint8 (y x h w c)."""
    table = marker.patches(marker.Marker(), sigma, (0, 0, 0))
    return table.reshape(8, 8, *table.shape[1:2], -1, 3)


def exact(points, resolution, sigma):
    """255 times the Gaussian at the place on the grid of 1/8 pixel that is nearest: (n t h w)."""
    places = np.floor(points * 8 + 0.5) / 8
    pixels = np.arange(resolution)
    across = np.exp(-((pixels - places[..., :1]) ** 2) / (2 * sigma**2))
    down = np.exp(-((pixels - places[..., 1:]) ** 2) / (2 * sigma**2))
    return 255 * down[..., :, None] * across[..., None, :]


def scattered(count, frames, low, high, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (count, frames, 2))


@pytest.mark.parametrize(("resolution", "sigma"), [
    (32, 1.6),
    (32, 0.5),
    (17, 1.0),
    (64, 3.2),
    (256, 12.8),
])  # fmt: skip
def test_every_pixel_is_within_a_grey_level_of_the_exact_gaussian(resolution, sigma):
    points = scattered(4, 10, 0, resolution - 1)
    video = draw(points, resolution, sigma)
    assert np.abs(video[..., 0] - exact(points, resolution, sigma)).max() <= 1


def test_at_the_default_size_every_pixel_is_the_nearest_grey_level():
    points = scattered(40, 10, -12, 44)
    np.testing.assert_array_equal(draw(points, 32, 1.6)[..., 0], np.floor(exact(points, 32, 1.6) + 0.5))


def test_every_entry_of_the_table_is_clear_of_a_rounding_boundary():
    reach = patches(1.6).shape[2] // 2
    shifts = np.stack(np.meshgrid(np.arange(8) / 8, np.arange(8) / 8), axis=-1).reshape(1, 64, 2)
    values = exact(shifts + reach, 2 * reach + 1, 1.6)
    assert np.abs(values - np.floor(values) - 0.5).min() > 1e-9
    np.testing.assert_array_equal(patches(1.6)[..., 0].reshape(64, *values.shape[2:]), np.floor(values[0] + 0.5))


def test_a_place_is_kept_to_an_eighth_of_a_pixel():
    assert SUBPIXELS == 8
    here, near, beyond = draw(np.array([[[10.0, 20.0], [10.0624, 20.0], [10.0626, 20.0]]]), 32, 1.6)[0]
    np.testing.assert_array_equal(here, near)
    assert (here != beyond).any()


def test_column_comes_before_row():
    video = draw(np.array([[[5.0, 20.0]]]), 32, 1.6)
    assert video[0, 0, 20, 5, 0] == 255
    assert video[0, 0, 5, 20, 0] == 0


def test_a_video_is_uint8_b_t_h_w_c_with_three_channels_alike():
    video = draw(scattered(2, 5, 0, 15), 16, 1.0)
    assert video.dtype == np.uint8
    assert video.shape == (2, 5, 16, 16, 3)
    assert video.max() > 200
    assert (video == video[..., :1]).all()


@pytest.mark.parametrize("corner", [(0, 0), (31, 0), (0, 31), (31, 31), (-2, 15), (33.5, 15), (15, -4), (15, 36)])
def test_what_is_partly_outside_is_clipped_by_the_frame(corner):
    point = np.array([[corner]], dtype=float)
    video = draw(point, 32, 1.6)
    assert 0 < (video > 0).sum() < (draw(np.array([[[15.0, 15.0]]]), 32, 1.6) > 0).sum()
    np.testing.assert_array_equal(video[..., 0], np.floor(exact(point, 32, 1.6) + 0.5))


@pytest.mark.parametrize("sigma", [1.6, 3.2])
@pytest.mark.parametrize("far", [(-13, 15), (15, -13), (44, 15), (15, 44), (1e9, 15), (-1e9, -1e9), (15, 1e300)])
def test_what_is_wholly_outside_leaves_the_frame_black(far, sigma):
    assert not draw(np.array([[far]], dtype=float), 32, sigma).any()


def test_each_frame_has_its_own_blob_alone():
    points = scattered(3, 4, 5, 27)
    video = draw(points, 32, 1.6)
    for clip in range(3):
        for frame in range(4):
            np.testing.assert_array_equal(
                draw(points[clip : clip + 1, frame : frame + 1], 32, 1.6)[0, 0], video[clip, frame]
            )


def test_the_table_can_not_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        patches(1.6)[0] = 0
