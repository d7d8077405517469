"""The rasteriser: clears frames and scatters a precomputed patch at each point.

A disc with a Gaussian edge is drawn from a table of uint8 patches, one for each sub-pixel place on a grid of
1/8 pixel, so that a frame costs one small copy instead of an exponential a pixel, and so that the bytes do not
depend on the instruction set (test_canvas.py holds it to within one grey level of the exact Gaussian at the
quantised place, and every entry of the table clear of a rounding boundary).
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
SUBPIXELS = 8


@cache
def patches(sigma: float) -> Bytes:
    """White Gaussian blobs of standard deviation `sigma` pixels: uint8 (y x h w c), y and x being the sub-pixel shift.

    A patch reaches 3.6 sigma, where a blob has fallen below half a grey level. It is separable, so that the table is
    a few exponentials from libm and products.
    """
    reach = _reach(sigma)
    offsets = range(-reach, reach + 1)
    line = np.array([[math.exp(-(((x - s / SUBPIXELS) / sigma) ** 2) / 2) for x in offsets] for s in range(SUBPIXELS)])
    blob = 255 * line[:, None, :, None] * line[None, :, None, :]
    table = np.repeat(np.floor(blob + 0.5).astype(np.uint8)[..., None], 3, axis=-1)
    table.flags.writeable = False
    return table


def patches_size(sigma: float) -> int:
    """Bytes of memory that `patches` takes while it computes: products, their halves rounded, and bytes."""
    return SUBPIXELS**2 * (2 * _reach(sigma) + 1) ** 2 * (3 * 8 + 1 + 3)


def _reach(sigma: float) -> int:
    return math.ceil(3.6 * sigma) + 1


def cells(points: NDArray[np.float64], resolution: int, sigma: float) -> NDArray[np.int64]:
    """The cells of the sub-pixel grid that points (... 2) fall into: points of one cell are drawn alike, to the byte.

    All points whose blob is out of sight have one cell, beyond the frame.
    """
    side = 2 * _reach(sigma) + 1
    # What is further off is out of sight all the same; a bound keeps the integers small.
    nearest = np.floor(np.clip(points, -side, resolution + side) * SUBPIXELS + 0.5).astype(np.int64)
    middle = nearest // SUBPIXELS
    hidden = (middle < -(side // 2)) | (middle >= resolution + side // 2)
    return np.where(hidden.any(axis=-1, keepdims=True), -side * SUBPIXELS, nearest)


def draw(points: NDArray[np.float64], resolution: int, sigma: float) -> Bytes:
    """White blobs on black: points in pixels (n t 2: column, row) -> uint8 video (n t h w c), c = 3.

    h = w = `resolution`. Points outside the frame are clipped by it. NaN is not allowed.
    """
    table = patches(sigma)
    side = table.shape[2]
    reach = side // 2
    count, frames, _ = points.shape
    video = np.zeros((count * frames, resolution, resolution, 3), dtype=np.uint8)
    nearest = cells(points, resolution, sigma).reshape(-1, 2)
    corners = (nearest // SUBPIXELS - reach).tolist()
    shifts = (nearest % SUBPIXELS).tolist()
    # One small copy a frame: faster than any fancy indexing of all of them.
    for frame, (left, top), (dx, dy) in zip(video, corners, shifts, strict=True):
        x, right = max(left, 0), min(left + side, resolution)
        y, bottom = max(top, 0), min(top + side, resolution)
        if x < right and y < bottom:
            frame[y:bottom, x:right] = table[dy, dx, y - top : bottom - top, x - left : right - left]
    return video.reshape(count, frames, resolution, resolution, 3)
