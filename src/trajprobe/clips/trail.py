"""The line behind the marker: strokes with round ends, anti-aliased.

A straight edge covers as much of a pixel as a half-plane does: with a and b the parts of the edge's normal along the
axes, a >= b, and u the distance of the pixel's middle inside the edge, the share is the integral of a trapezoid,

    1/2 + sign(u) (v - e^2 / 2b) / a,  v = min(|u|, (a + b) / 2),  e = max(v - (a - b) / 2, 0),

which is exact for a straight stroke and within a few grey levels at its ends.
"""

import math
from itertools import pairwise
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips.canvas import WHOLE, Array, Bytes, Integers, at, blend, cut, put, seen, windows
from trajprobe.clips.colours import Colour
from trajprobe.params import Parameters

Floats = NDArray[np.float32]
#: A path has at least this many moments, so that a line through few frames is not a polygon.
MOMENTS = 32
#: Pixels of patches that are computed at a time: they stay in the processor's cache.
BLOCK = 2**16
#: Pixels of a patch's side: strokes of like length are computed together.
SIDES = (8, 12, 20, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)


class Trail(Parameters, frozen=True):
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
    out = np.empty((len(start), side, side), np.uint8)
    block = max(1, BLOCK // side**2)
    for first in range(0, len(start), block):
        part = slice(first, first + block)
        out[part] = _strokes(start[part], end[part], corners[part], side, radius)
    return out


def _strokes(start: Array, end: Array, corners: Integers, side: int, radius: float) -> Bytes:
    """Strokes come last in all arrays, (side side k) and (k): numpy is fast where the last axis is long."""
    step = (end - start).astype(np.float32)
    squared = step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]
    length = np.sqrt(squared)
    unit = np.where(
        squared[:, None] > 0, step / np.where(squared > 0, length, 1)[:, None], np.array([1, 0], np.float32)
    )
    places = np.arange(side, dtype=np.float32)[:, None]
    x, y = (corners - (start + end) / 2).astype(np.float32).T[:, None] + places
    ux, uy = unit.T
    beyond = x * ux + (y * uy)[:, None]  # along the stroke, then past its ends
    np.abs(beyond, out=beyond)
    beyond -= length / 2
    np.maximum(beyond, 0, out=beyond)
    distance = (y * ux)[:, None] - x * uy  # across it
    distance *= distance
    beyond *= beyond
    distance += beyond
    np.sqrt(distance, out=distance)
    a, b = np.abs(unit).max(axis=1), np.abs(unit).min(axis=1)
    if radius < 1:  # both edges are within a pixel
        share = _inside(np.float32(radius) - distance, a, b)
        share -= _inside(-np.float32(radius) - distance, a, b)
    else:
        share = _inside(np.subtract(np.float32(radius), distance, out=distance), a, b)
        share += np.float32(127.5)
    share += np.float32(0.5)
    return np.ascontiguousarray(np.moveaxis(share.astype(np.uint8), -1, 0))


def _inside(u: Floats, a: Floats, b: Floats) -> Floats:
    """255 times the share of a pixel inside a straight edge, less a half; `u` is lost."""
    v = np.abs(u)
    np.minimum(v, (a + b) / 2, out=v)
    e = v - (a - b) / 2
    np.maximum(e, 0, out=e)
    e *= e
    e *= 1 / (2 * np.maximum(b, np.float32(1e-6)))
    v -= e
    v *= 255 / a
    return np.copysign(v, u, out=u)


def draw(frames: Bytes, trail: Trail, path: Array, camera: Integers, ground: Colour | None) -> None:
    """Draws the trail of each clip onto its frames.

    Args:
        frames: (n*t h w), the frames of n clips.
        trail: how it looks.
        path: (n s 2), moments of each clip's path, in pixels; (s - 1) is a multiple of (t - 1).
        camera: (n t 2), by how many pixels the camera has moved the world.
        ground: the colour of all frames so far, if they have one alone.
    """
    moments, shown = path.shape[1], camera.shape[1]
    if shown == 1:
        return
    resolution, strokes_a_frame = frames.shape[1], (moments - 1) // (shown - 1)
    kept, radius = trail.length * (moments - 1), trail.width * resolution / 2
    low = np.floor(np.minimum(path[:, :-1], path[:, 1:]) - radius - 0.75).astype(np.int64)
    high = np.ceil(np.maximum(path[:, :-1], path[:, 1:]) + radius + 0.75).astype(np.int64)
    sides = np.array(SIDES)[np.searchsorted(SIDES, (high - low + 1).max(axis=2))]
    # How old each stroke is in each frame: (s t).
    ages = np.arange(shown) * strokes_a_frame - np.arange(1, moments)[:, None]
    visible = (ages >= 0) & (ages < kept)
    # A line that stays is drawn in its first frame, and seen in all that follow.
    stays = not trail.fading and trail.length == 1 and not camera.any()
    if stays:
        visible &= ages < strokes_a_frame
    step_of, time_of = np.nonzero(visible)
    # By age: within one, each frame has one stroke at most.
    order = np.argsort(ages[step_of, time_of], kind="stable")
    step_of, time_of = step_of[order], time_of[order]
    age_of = ages[step_of, time_of]
    weights = WHOLE * (1 - age_of / kept if trail.fading else np.ones(len(step_of)))
    weights = np.floor(weights + 0.5).astype(np.uint16)
    lines = np.zeros((len(frames), resolution, resolution), np.uint8)
    for side in np.unique(sides).tolist():
        own = sides == side
        clips, steps = np.nonzero(own)
        patches = strokes(path[clips, steps], path[clips, steps + 1], low[clips, steps], side, radius)
        numbers = np.zeros(own.shape, np.int64)
        numbers[own] = np.arange(len(clips))
        which, clip = np.nonzero(own[:, step_of].T)
        step, time = step_of[which], time_of[which]
        corners = low[clip, step] + camera[clip, time]
        frame, number = clip * shown + time, numbers[clip, step]
        cover, inside = cut(patches, number, corners, resolution)
        if trail.fading:
            cover = ((cover * weights[which, None, None]) >> 8).astype(np.uint8)
        view, places = windows(lines, cover.shape[1]), at(lines, frame, inside)
        bounds = np.searchsorted(age_of[which], np.arange(moments)).tolist()
        for start, end in pairwise(bounds):
            if start < end:
                part = places[start:end]
                put(view, part, np.maximum(seen(view, part), cover[start:end]))
    touched, share = _covered(lines.reshape(len(path), shown, -1), stays)
    colours = frames.reshape(-1, 3 * share.shape[1])
    run = f"V{colours.shape[1]}"  # numpy copies one item twice as fast as its bytes
    if ground is None:
        wide = share.astype(np.uint16).repeat(3, axis=1)
        wide += wide >> 7  # 255 is all
        ink = np.tile(np.array(trail.colour, np.uint16), share.shape[1])
        painted = blend(colours[touched], ink, wide)
    else:
        painted = _on_ground(share, trail.colour, ground)
    colours.view(run)[touched] = painted.view(run)


def _covered(lines: Bytes, stays: bool) -> tuple[Integers, Bytes]:
    """Runs of pixels that a line covers, of shares (n t p): their numbers (k) in all frames, and shares (k run).

    Where a line stays, each frame has those before it too. Most of a frame is untouched, so runs are looked for in all
    frames of a clip together.
    """
    _, times, pixels = lines.shape
    run = math.gcd(pixels, 8)
    words = lines.view(f"u{run}")
    clip, place = np.divmod(np.flatnonzero(np.bitwise_or.reduce(words, axis=1)), pixels // run)
    numbers = (clip * times + np.arange(times)[:, None]) * (pixels // run) + place  # (t k)
    cover = np.take(words, numbers)
    if stays:
        of_time = cover.view(np.uint8)
        for later in range(1, times):
            np.maximum(of_time[later], of_time[later - 1], out=of_time[later])
    chosen = np.flatnonzero(cover)
    return numbers.reshape(-1)[chosen], cover.reshape(-1)[chosen].view(np.uint8).reshape(-1, run)


def _on_ground(share: Bytes, colour: Colour, ground: Colour) -> Bytes:
    """Shares (k run) of a colour on another: (k 3*run), as `blend` has them."""
    shares = np.arange(256, dtype=np.uint16)[:, None]
    every = blend(np.full((256, 3), ground, np.uint8), np.array([colour], np.uint16), shares + (shares >> 7))
    out = np.empty((*share.shape, 3), np.uint8)
    for channel in range(3):
        out[..., channel] = np.take(every[:, channel], share)
    return out.reshape(len(share), -1)
