"""What is drawn at a point: tables of how much of each pixel a shape covers, at each of 8 x 8 sub-pixel places.

A table has an entry for each place on the grid of 1/8 pixel, so that to draw a shape is to copy a small patch. Edges
are exact: the share of a pixel's square that lies in the shape (a sum over 64 columns of it, in which the height is
exact), or for the Gaussian its value in the pixel's middle.
"""

import math
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = Literal["disc", "gaussian", "square", "ring"]
SUBPIXELS = 8
#: Columns of a pixel whose heights are added up.
COLUMNS = 64
#: Standard deviations at which a Gaussian has fallen below half of a 256th, which is drawn as nothing.
FAINT = math.sqrt(2 * math.log(512))
#: The inner radius of a ring, as a share of the outer one.
RING = 0.6


def reach(shape: str, radius: float) -> int:
    """Pixels from the middle of a patch to its edge; a shape stands up to 7/8 of a pixel beyond that middle."""
    beyond = (SUBPIXELS - 1) / SUBPIXELS
    return math.floor(FAINT * radius + beyond) if shape == "gaussian" else math.ceil(radius + 0.5) + 1


@cache
def coverage(shape: Shape, radius: float, shifts: int = SUBPIXELS) -> Array:
    """The share, 0 to 1, of each pixel that a shape of `radius` pixels covers: (y x h w).

    y and x are its shifts by 0, 1, ... of `shifts` parts of a pixel; 1 is for what stands on whole pixels. The radius
    of a Gaussian is its standard deviation, that of a square half its side.
    """
    pixels = np.arange(-reach(shape, radius), reach(shape, radius) + 1)
    if shape == "gaussian":
        line = np.array([[math.exp(-(((x - s / shifts) / radius) ** 2) / 2) for x in pixels.tolist()]
                         for s in range(shifts)])  # fmt: skip
    else:
        left = pixels - 0.5 - np.arange(shifts)[:, None] / shifts
        line = np.clip(np.minimum(left + 1, radius) - np.maximum(left, -radius), 0, 1)
    if shape in ("gaussian", "square"):
        table = line[:, None, :, None] * line[None, :, None, :]
    else:
        table = _disc(pixels, radius, shifts) - (_disc(pixels, RING * radius, shifts) if shape == "ring" else 0)
    table.flags.writeable = False
    return table


def coverage_memory(shape: str, radius: float) -> int:
    """Bytes that a table takes while it is coloured: shares, two steps on their way to bytes, and the patches."""
    return SUBPIXELS**2 * (2 * reach(shape, radius) + 1) ** 2 * (3 * 8 + 3)


def _disc(pixels: NDArray[np.int64], radius: float, shifts: int) -> Array:
    """The share of each pixel that a disc covers: (y x h w)."""
    moved = np.arange(shifts) / shifts
    middles = (np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5
    x = pixels[:, None] - moved[:, None, None] + middles  # (x w columns)
    half = np.sqrt(np.maximum(radius * radius - x * x, 0))
    low = pixels - 0.5 - moved[:, None]  # (y h)
    table = np.empty((shifts, shifts, len(pixels), len(pixels)))
    for row, column in np.ndindex(shifts, shifts):
        bottom = low[row][:, None, None]
        inside = np.minimum(bottom + 1, half[column]) - np.maximum(bottom, -half[column])
        table[row, column] = np.clip(inside, 0, 1).sum(axis=-1) / COLUMNS
    return table
