"""python benchmarks/bench_render.py: the renderer, beside writing the same bytes and beside exact Gaussians."""

import numpy as np
from measure import machine, ratio

from trajprobe.clips import canvas

CLIPS, FRAMES, SIZE, SIGMA = 64, 5, 128, 6.4

points = np.random.default_rng(0).uniform(20, SIZE - 20, (CLIPS, FRAMES, 2))


def memset() -> object:
    video = np.empty((CLIPS, FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
    video.fill(0)
    return video


def gaussians() -> object:
    """What a user would write: a separable Gaussian a frame."""
    grid = np.arange(SIZE, dtype=np.float32)
    line = np.exp(-((grid - points[..., None].astype(np.float32)) ** 2) / (2 * SIGMA**2))
    blob = np.rint(255 * line[:, :, 1, :, None] * line[:, :, 0, None, :]).astype(np.uint8)
    return np.repeat(blob[..., None], 3, axis=-1)


print(f"Rendering {FRAMES} frames of {SIZE} x {SIZE}, in clips; {machine()}")
ratio(
    "clear and scatter a patch",
    lambda: canvas.draw(points, SIZE, SIGMA),
    {"memset of the same bytes": memset, "a separable Gaussian a frame": gaussians},
    CLIPS,
)
