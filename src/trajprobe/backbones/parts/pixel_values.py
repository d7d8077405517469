"""Frames to what an image processor would make of them: resized, cropped, normalised.

Resizing is PIL's, to the bit, since published pipelines resize with PIL, and torch's own bicubic resampling is up to 2
grey levels away on bytes and 24 on numbers. PIL's is a product with a matrix of whole numbers along each axis, rounded
to grey levels after each; float64 holds these products exactly, on any device and in any order.
"""

from functools import cache
from typing import Annotated, Literal

import torch
from einops import rearrange
from msgspec import Meta
from torch import Tensor

from trajprobe.params import Parameters

#: PIL's weights are whole numbers of 1 / UNIT.
UNIT = 2.0**22

Positive = Annotated[int, Meta(ge=1)]
Three = tuple[float, float, float]


class Pixels(Parameters, frozen=True, kw_only=True):
    """What a preprocessor_config.json tells."""

    resize: Positive  #: pixels of the shorter side
    resample: Literal["bilinear", "bicubic"]
    crop: Positive  #: pixels of the middle square that the network sees
    mean: Three  #: of red, green and blue, as shares of 255
    std: Three

    def __post_init__(self) -> None:
        if self.crop > self.resize:
            raise ValueError(f"got crop {self.crop}, expected at most {self.resize} as `resize`")
        if min(self.std) <= 0:
            raise ValueError(f"got std {list(self.std)}, expected numbers above 0")


def pixel_values(video: Tensor, pixels: Pixels) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t s s], s = `pixels.crop`."""
    frames = rearrange(video, "b t h w c -> (b t) c h w")
    height, width = frames.shape[-2:]
    short = min(height, width)
    if short != pixels.resize:
        rows, columns = (side * pixels.resize // short for side in (height, width))
        frames = _grey_levels(frames.double() @ _weights(width, columns, pixels.resample).to(frames.device).T)
        frames = _grey_levels(_weights(height, rows, pixels.resample).to(frames.device) @ frames)
    top, left = ((side - pixels.crop) // 2 for side in frames.shape[-2:])
    frames = frames[..., top : top + pixels.crop, left : left + pixels.crop]
    frames = frames.float()
    mean, std = (frames.new_tensor(each).view(3, 1, 1) for each in (pixels.mean, pixels.std))
    return rearrange(frames.div_(255).sub_(mean).div_(std), "(b t) c h w -> b c t h w", b=len(video))


def _grey_levels(sums: Tensor) -> Tensor:
    return sums.add_(0.5).floor_().clamp_(0, 255)


@cache
def _weights(size: int, wanted: int, resample: str) -> Tensor:
    """What each of `size` pixels of a line gives to each of `wanted`: float64 [wanted size].

    The filter is stretched where pixels are merged, so that none is left out (antialiasing). Bicubic is Keys' kernel
    with a = -0.5 (IEEE Trans. ASSP 29, 1981).
    """
    scale = size / wanted
    centres = (torch.arange(wanted, dtype=torch.float64)[:, None] + 0.5) * scale
    away = ((torch.arange(size, dtype=torch.float64) + 0.5 - centres) / max(scale, 1)).abs()
    if resample == "bilinear":
        weights = (1 - away).clamp(min=0)
    else:
        near = (1.5 * away - 2.5) * away**2 + 1
        far = ((-0.5 * away + 2.5) * away - 4) * away + 2
        weights = torch.where(away < 1, near, torch.where(away < 2, far, 0.0))
    shares = weights / weights.sum(dim=1, keepdim=True) * UNIT
    return (shares.abs() + 0.5).floor() * shares.sign() / UNIT
