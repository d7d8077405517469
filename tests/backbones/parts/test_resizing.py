"""resizing: sides, crops and places against numpy; what is resampled and what is left alone."""

import numpy as np
import pytest
import torch

from trajprobe.backbones.parts.resizing import pil_bicubic, pil_bilinear, resize_and_crop


def video(height, width, frames=2, clips=3):
    values = np.random.default_rng(0).integers(0, 256, (clips, frames, height, width, 3), dtype=np.uint8)
    return torch.from_numpy(values)


def never(frames, sides):
    raise AssertionError("nothing is to be resampled")


@pytest.mark.parametrize(("height", "width", "crop"), [(8, 8, 8), (8, 13, 8), (11, 8, 6), (8, 8, 3)])
def test_the_middle_square_of_frames_that_need_no_resampling(height, width, crop):
    x = video(height, width)
    top, left = (height - crop) // 2, (width - crop) // 2
    expected = x.numpy()[:, :, top : top + crop, left : left + crop].transpose(0, 4, 1, 2, 3)
    np.testing.assert_array_equal(resize_and_crop(x, 8, crop, never).numpy(), expected)


@pytest.mark.parametrize(
    ("size", "down", "up"),
    [((16, 16), (8, 8), (8, 8)), ((16, 21), (8, 10), (8, 11)), ((7, 4), (14, 8), (14, 8)), ((5, 3), (13, 8), (14, 8))],
)
def test_the_shorter_side_is_exact_and_the_other_one_is_rounded_as_asked(size, down, up):
    asked = []

    def black(frames, sides):
        asked.append(sides)
        assert frames.shape == (6, 3, *size)
        return torch.zeros(*frames.shape[:2], *sides)

    assert resize_and_crop(video(*size), 8, 6, black).shape == (3, 3, 2, 6, 6)
    resize_and_crop(video(*size), 8, 8, black, lambda length, resize, short: -(-length * resize // short))
    assert asked == [down, up]


def test_clips_and_frames_keep_their_places():
    x = torch.arange(6, dtype=torch.uint8).reshape(3, 2, 1, 1, 1).expand(3, 2, 4, 4, 3)
    for resample in (pil_bilinear, pil_bicubic):
        resized = resize_and_crop(x, 9, 7, resample)
        assert resized.shape == (3, 3, 2, 7, 7)
        assert (resized == torch.arange(6).reshape(3, 1, 2, 1, 1)).all()
