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
    """Gaussian blobs of standard deviation `sigma` pixels: uint8 (y x h w), y and x being the sub-pixel shift.

    A patch reaches 3 sigma. It is separable, so that the table is a few exponentials from libm and products.
    """
    reach = math.ceil(3 * sigma) + 1
    offsets = range(-reach, reach + 1)
    line = np.array([[math.exp(-(((x - s / SUBPIXELS) / sigma) ** 2) / 2) for x in offsets] for s in range(SUBPIXELS)])
    blob = 255 * line[:, None, :, None] * line[None, :, None, :]
    table = np.floor(blob + 0.5).astype(np.uint8)
    table.flags.writeable = False
    return table


def draw(points: NDArray[np.float64], size: int, sigma: float) -> Bytes:
    """White blobs on black: points in pixels (n t 2: column, row) -> uint8 video (n t h w c), h = w = `size`, c = 3.

    Points outside the frame are clipped by it. NaN is not allowed.
    """
    table = patches(sigma)
    side = table.shape[-1]
    reach = side // 2
    count, frames, _ = points.shape
    # A border as wide as a patch, cut off at the end, takes what lies outside.
    nearest = np.floor(np.clip(points, -reach - 1, size + reach) * SUBPIXELS + 0.5).astype(np.int64)
    whole, part = nearest // SUBPIXELS, nearest % SUBPIXELS
    pad = 2 * reach + 2
    grey = np.zeros((count * frames, size + 2 * pad, size + 2 * pad), dtype=np.uint8)
    column, row = np.moveaxis(whole.reshape(-1, 2) + pad - reach, -1, 0)
    windows = np.lib.stride_tricks.sliding_window_view(grey, (side, side), axis=(1, 2), writeable=True)
    dx, dy = np.moveaxis(part.reshape(-1, 2), -1, 0)
    windows[np.arange(len(grey)), row, column] = table[dy, dx]
    inside = grey[:, pad:-pad, pad:-pad].reshape(count, frames, size, size, 1)
    return np.repeat(inside, 3, axis=-1)
