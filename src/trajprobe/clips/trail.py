"""The line behind the marker: strokes with round ends, anti-aliased.

A straight edge covers as much of a pixel as a half-plane does: with a and b the parts of the edge's normal along the
axes, a >= b, and u the distance of the pixel's middle inside the edge, the share is the integral of a trapezoid,

    1/2 + sign(u) g(|u|),  g(v) = [min(v, q) + b (s - s^2 / 2)] / a,  q = (a - b) / 2,  s = (v - q) / b from 0 to 1,

which is exact for a straight stroke and within a few grey levels at its ends.
"""

import math
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips.canvas import WHOLE, Array, Bytes, Integers, at, blend, cut, windows
from trajprobe.clips.colours import Colour
from trajprobe.params import Parameters

Floats = NDArray[np.float32]
#: A path has at least this many moments, so that a line through few frames is not a polygon.
MOMENTS = 32
#: Pixels of a patch's side: strokes of like length are computed together.
SIDES = (6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192, 16384)


class Trail(Parameters, frozen=True, omit_defaults=True):
    """The line behind the marker."""

    width: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0  #: as a share of the frame's side; 0: no trail
    length: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0  #: how far it goes back, 1 being the whole clip
    fading: bool = False  #: towards its end
    colour: Colour = (80, 120, 255)


def substeps(frames: int) -> int:
    """Strokes from one frame to the next."""
    return max(1, math.ceil(MOMENTS / max(frames - 1, 1)))


def strokes(start: Array, end: Array, corners: Integers, side: int, radius: float) -> Bytes:
    """The shares, 0 to 255, of pixels that strokes cover, from `start` to `end` (k 2): (k side side).

    `corners` (k 2) are column and row of the first pixel.
    """
    begin = (start - corners).astype(np.float32)
    step = (end - start).astype(np.float32)
    grid = np.arange(side, dtype=np.float32)
    x, y = grid - begin[:, :1], grid - begin[:, 1:]
    squared = step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]
    long = squared > 0
    length = np.sqrt(np.where(long, squared, 1))
    unit = np.where(long[:, None], step / length[:, None], np.array([1, 0], np.float32))
    along = (x * unit[:, :1])[:, None, :] + (y * unit[:, 1:])[:, :, None]
    past = along - np.clip(along, 0, np.where(long, length, np.float32(0))[:, None, None])
    across = (y * unit[:, :1])[:, :, None] - (x * unit[:, 1:])[:, None, :]
    distance = np.sqrt(past * past + across * across)
    parts = np.abs(unit)
    a, b = parts.max(axis=1)[:, None, None], parts.min(axis=1)[:, None, None]
    share = _inside(np.float32(radius) - distance, a, b)
    if radius < 1:  # both edges are within a pixel
        share = share - _inside(-np.float32(radius) - distance, a, b)
    return (np.float32(255) * share + np.float32(0.5)).astype(np.uint8)


def _inside(u: Floats, a: Floats, b: Floats) -> Floats:
    """The share of a pixel inside a straight edge."""
    v = np.abs(u)
    q = (a - b) * np.float32(0.5)
    s = np.clip((v - q) / np.maximum(b, np.float32(1e-6)), 0, 1)
    g = np.minimum((np.minimum(v, q) + b * s * (1 - np.float32(0.5) * s)) / a, np.float32(0.5))
    return np.float32(0.5) + np.copysign(g, u)


def draw(frames: Bytes, trail: Trail, path: Array, camera: Integers) -> None:
    """Draws the trail of each clip onto its frames.

    Args:
        frames: (n*t h w), the frames of n clips.
        trail: how it looks.
        path: (n s 2), moments of each clip's path, in pixels; (s - 1) is a multiple of (t - 1).
        camera: (n t 2), by how many pixels the camera has moved the world.
    """
    moments, shown = path.shape[1], camera.shape[1]
    if shown == 1:
        return
    resolution = frames.shape[1]
    per_frame = (moments - 1) // (shown - 1)
    kept, radius = trail.length * (moments - 1), trail.width * resolution / 2
    low = np.floor(np.minimum(path[:, :-1], path[:, 1:]) - radius - 0.75).astype(np.int64)
    high = np.ceil(np.maximum(path[:, :-1], path[:, 1:]) + radius + 0.75).astype(np.int64)
    sides = np.array(SIDES)[np.searchsorted(SIDES, (high - low + 1).max(axis=2))]
    lines = np.zeros((len(frames), resolution, 3 * resolution), np.uint8)
    under = frames.copy()
    drawn = []
    for side in np.unique(sides).tolist():
        clips, numbers = np.nonzero(sides == side)
        for block in range(0, len(clips), max(1, 2**18 // side**2)):
            part = slice(block, block + max(1, 2**18 // side**2))
            clip, number = clips[part], numbers[part]
            begin, end = path[clip, number], path[clip, number + 1]
            patches = strokes(begin, end, low[clip, number], side, radius).repeat(3, axis=-1)
            # Within a step, each clip has one stroke: no frame is named twice.
            for step in np.unique(number).tolist():
                of_step = np.flatnonzero(number == step)
                first = step // per_frame + 1
                ages = np.arange(first, shown) * per_frame - step - 1  # of the stroke, in each frame that shows it
                times = np.arange(first, shown)[ages < kept]
                weights = 1 - ages[: len(times)] / kept if trail.fading else np.ones(len(times))
                of_clip, of_time = np.repeat(of_step, len(times)), np.tile(times, len(of_step))
                corners = low[clip[of_clip], step] + camera[clip[of_clip], of_time]
                visible = ((corners > -side) & (corners < resolution)).all(axis=1)
                if not visible.any():
                    continue
                of_clip, of_time, corners = of_clip[visible], of_time[visible], corners[visible]
                cover, inside = cut(patches, of_clip, corners, resolution)
                if trail.fading:
                    weight = np.floor(WHOLE * np.tile(weights, len(of_step))[visible] + 0.5).astype(np.uint16)
                    cover = ((cover * weight[:, None, None]) >> 8).astype(np.uint8)
                view, places = windows(lines, cover.shape[1]), at(lines, clip[of_clip] * shown + of_time, inside)
                view[places] = np.maximum(view[places], cover)
                drawn.append((cover.shape[1], places))
    ink = np.array(trail.colour, np.uint16)
    for side, places in drawn:
        share = windows(lines, side)[places].astype(np.uint16)
        share += share >> 7  # 255 is all
        windows(frames, side)[places] = blend(windows(under, side)[places], np.tile(ink, side), share)
