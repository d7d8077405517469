"""Frames resized and cropped to a square: one routine, with the ways in which published pipelines differ.

Most of them resize with PIL, whose resampling is reproduced here to the bit: torch's own bicubic one is up to 2 grey
levels away on bytes and 24 on floats. PIL's is a product with a matrix of integers along each axis, rounded to grey
levels after each; float64 holds these products exactly, on any device and in any order.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor

#: Frames [n c h w] and two sides (h' w') -> frames [n c h' w'].
Resample = Callable[[Tensor, tuple[int, int]], Tensor]
#: PIL's weights are integers in units of 1 / UNIT.
UNIT = 2.0**22


def rounded_down(length: int, resize: int, short: int) -> int:
    """A side of `length` after the shorter one, `short`, became `resize`: as PIL's users and OpenCV's compute it."""
    return length * resize // short


def resize_and_crop(
    video: Tensor,
    resize: int,
    crop: int,
    resample: Resample,
    long_side: Callable[[int, int, int], int] = rounded_down,
) -> Tensor:
    """Video [b t h w c] -> its middle square [b c t s s], s = `crop`, once the shorter side has `resize` pixels.

    Args:
        resample: not called where the shorter side has `resize` pixels already: then this is a view of `video`.
        long_side: (its length, `resize`, the shorter side) -> the length that it gets.
    """
    frames = rearrange(video, "b t h w c -> (b t) c h w")
    height, width = frames.shape[-2:]
    if (short := min(height, width)) != resize:
        rows, columns = (resize if side == short else long_side(side, resize, short) for side in (height, width))
        frames = resample(frames, (rows, columns))
    top, left = ((side - crop) // 2 for side in frames.shape[-2:])
    frames = frames[..., top : top + crop, left : left + crop]
    return rearrange(frames, "(b t) c h w -> b c t h w", b=len(video))


def pil_bilinear(frames: Tensor, sides: tuple[int, int]) -> Tensor:
    """uint8 [n c h w] -> grey levels as PIL's bilinear filter makes them, float64 [n c h' w']."""
    return _pil(frames, sides, "bilinear")


def pil_bicubic(frames: Tensor, sides: tuple[int, int]) -> Tensor:
    """uint8 [n c h w] -> grey levels as PIL's bicubic filter makes them, float64 [n c h' w']."""
    return _pil(frames, sides, "bicubic")


Filter = Literal["bilinear", "bicubic"]


def _pil(frames: Tensor, sides: tuple[int, int], kernel: Filter) -> Tensor:
    (height, width), (rows, columns) = frames.shape[-2:], sides
    frames = _grey_levels(frames.double() @ _weights(width, columns, kernel).to(frames.device).T)
    return _grey_levels(_weights(height, rows, kernel).to(frames.device) @ frames)


def _grey_levels(sums: Tensor) -> Tensor:
    return sums.add_(0.5).floor_().clamp_(0, 255)


@cache
def _weights(length: int, resized: int, kernel: Filter) -> Tensor:
    """The weight of each of `length` pixels of a line in each of `resized` pixels: float64 [resized length].

    The filter is stretched where pixels are merged, so that each of them counts (antialiasing). Bicubic is Keys' kernel
    with a = -0.5 (IEEE Trans. ASSP 29, 1981).
    """
    scale = length / resized
    centres = (torch.arange(resized, dtype=torch.float64)[:, None] + 0.5) * scale
    away = ((torch.arange(length, dtype=torch.float64) + 0.5 - centres) / max(scale, 1)).abs()
    if kernel == "bilinear":
        weights = (1 - away).clamp(min=0)
    else:
        near = (1.5 * away - 2.5) * away**2 + 1
        far = ((-0.5 * away + 2.5) * away - 4) * away + 2
        weights = torch.where(away < 1, near, torch.where(away < 2, far, 0.0))
    shares = weights / weights.sum(dim=1, keepdim=True) * UNIT
    return (shares.abs() + 0.5).floor() * shares.sign() / UNIT
