"""pixel_values against PIL, and against the processors of transformers that use it: equal to the bit."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, VideoMAEImageProcessorPil

from trajprobe.backbones.parts.pixel_values import Pixels, pixel_values

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CLIP = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
PUBLISHED = {
    "videomae": Pixels(resize=224, resample="bilinear", crop=224, **IMAGENET),
    "clip": Pixels(resize=224, resample="bicubic", crop=224, **CLIP),
    "dinov2": Pixels(resize=256, resample="bicubic", crop=224, **IMAGENET),
    "vjepa2": Pixels(resize=292, resample="bilinear", crop=256, **IMAGENET),
}
SIZES = [(128, 128), (300, 280), (97, 151), (224, 224), (64, 64)]


def clip(height, width):
    """Two frames: noise, the hardest for a filter, and a slow gradient that wraps around."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    y, x, c = np.ogrid[:height, :width, :3]
    return np.stack([noise, (y + x * (c + 1)) % 256]).astype(np.uint8)


def levels(x, pixels):
    """Grey levels [t h w c] of normalised values [c t h w]."""
    mean, std = (np.reshape(each, (3, 1, 1, 1)) for each in (pixels.mean, pixels.std))
    return (np.moveaxis(np.asarray(x, np.float64) * std + mean, 0, -1)) * 255


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("size", SIZES)
def test_every_grey_level_is_pils(name, size):
    pixels, frames = PUBLISHED[name], clip(*size)
    x = pixel_values(torch.from_numpy(frames)[None], pixels)
    assert x.shape == (1, 3, 2, pixels.crop, pixels.crop)
    assert x.dtype == torch.float32
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    short = min(size)
    sides = [side * pixels.resize // short for side in reversed(size)]
    top, left = ((side - pixels.crop) // 2 for side in reversed(sides))
    for found, frame in zip(levels(x[0], pixels), frames, strict=True):
        expected = np.asarray(Image.fromarray(frame).resize(sides, filters[pixels.resample]))
        expected = expected[top : top + pixels.crop, left : left + pixels.crop]
        np.testing.assert_array_equal(found.round(), expected)
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("size", [(128, 128), (97, 151)])
def test_videomaes_processor_gives_the_same(size):
    frames, pixels = clip(*size), PUBLISHED["videomae"]
    processor = VideoMAEImageProcessorPil(image_mean=list(pixels.mean), image_std=list(pixels.std))
    expected = processor([list(frames)], return_tensors="pt")["pixel_values"].transpose(1, 2)
    x = pixel_values(torch.from_numpy(frames)[None], pixels)
    torch.testing.assert_close(x, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", ["clip", "dinov2"])
def test_the_image_processors_give_the_same(name):
    frames, pixels = clip(128, 128), PUBLISHED[name]
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": pixels.resize},
        crop_size=pixels.crop,
        image_mean=list(pixels.mean),
        image_std=list(pixels.std),
    )
    expected = processor(list(frames), return_tensors="pt")["pixel_values"].transpose(0, 1)
    x = pixel_values(torch.from_numpy(frames)[None], pixels)
    torch.testing.assert_close(x[0], expected, atol=2e-6, rtol=0)


def test_clips_of_a_batch_keep_their_place():
    video = np.random.default_rng(1).integers(0, 256, (3, 2, 40, 40, 3), dtype=np.uint8)
    pixels = Pixels(resize=32, resample="bicubic", crop=24, **IMAGENET)
    together = pixel_values(torch.from_numpy(video), pixels)
    for one, alone in zip(together, video, strict=True):
        torch.testing.assert_close(one[None], pixel_values(torch.from_numpy(alone)[None], pixels), atol=0, rtol=0)


def test_the_video_is_left_as_it_was():
    video = torch.from_numpy(clip(32, 32))[None]
    before = video.clone()
    pixel_values(video, Pixels(resize=32, resample="bicubic", crop=32, **IMAGENET))
    assert torch.equal(video, before)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crop": 33}, "got crop 33, expected at most 32"),
        ({"std": (1.0, 0.0, 1.0)}, "got std .*, expected numbers above"),
    ],
)
def test_pixels_that_make_no_sense_are_refused(changed, message):
    told = {"resize": 32, "resample": "bilinear", "crop": 32} | IMAGENET
    with pytest.raises(ValueError, match=message):
        Pixels(**told | changed)
