"""What is in the way: things that are not the track's. Which, where and when is drawn from the track's number alone.

A `level` scales all of it. What a level has, a higher one has too, and more of it: thing number j of a clip is there
where j + a number of its own is below level times the count, and so on. Level 0 has nothing.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips import shapes
from trajprobe.clips.canvas import Array, Bytes, Integers, corners_and_entries, paint, shares
from trajprobe.clips.streams import uniform
from trajprobe.params import Parameters, Seed

Count = Annotated[float, Meta(ge=0.0, le=1000.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Level = Annotated[float, Meta(ge=0.0, le=100.0)]
KINDS: tuple[shapes.Shape, ...] = ("disc", "square", "ring")
#: Radii of things, as multiples of the marker's, and of what it is hidden by, which is of the first `SOLID` kinds.
RADII, OCCLUDER, SOLID = (0.7, 1.3), 3.0, 2
#: A level has this many things of a kind in a frame at most; more would take minutes.
MOST = 1000


class Clutter(Parameters, frozen=True):
    """What is in the way at level 1. Counts are of a clip, on average; each clip has its own."""

    level: Level = 0.0  #: scales all of it
    seed: Seed = 0
    objects: Count = 0.0  #: that stand still, behind the marker: discs, squares and rings of any colour
    distractors: Count = 0.0  #: that move, behind the marker
    motion: Literal["line", "loop", "walk"] = "line"  #: of distractors: to the edge and back, a circle, or at random
    speed: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.5  #: of distractors: sides of the frame in a clip, on average
    flashes: Count = 0.0  #: that appear, and vanish after up to a quarter of the clip
    occluders: Count = 0.0  #: that stand still before the marker, larger than it
    blur: Annotated[float, Meta(ge=0.0, le=0.1)] = 0.0  #: standard deviation, as a share of the frame's side
    drift: Share = 0.0  #: of brightness: by at most this share up or down, steadily through the clip
    noise: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0  #: of the sensor: standard deviation, white being 1
    drops: Share = 0.0  #: of frames, in place of which the one before is seen again

    @property
    def has_any(self) -> bool:
        """Whether there is anything for a level to scale."""
        amounts = (self.objects, self.distractors, self.flashes, self.occluders, self.blur, self.drift, self.noise)
        return any((*amounts, self.drops))


@dataclass(frozen=True)
class Things:
    """Some things a clip, at most j of them: where, and how they look."""

    there: NDArray[np.bool_]  #: (n j)
    entries: Integers  #: (n j), which shape and radius
    colours: Bytes  #: (n j 3)
    u: Array  #: (n j 8), numbers from 0 to 1 to draw all else from


def things(clutter: Clutter, numbers: Integers, purpose: str, count: float) -> Things:
    """The things of one kind in the clips of the tracks `numbers` (n), `count` of them on average at level 1."""
    expected = clutter.level * count
    most = min(math.ceil(expected), MOST)
    u = uniform(clutter.seed, numbers, purpose, 14 * most).reshape(len(numbers), most, 14)
    there = np.arange(most) + u[..., 0] < expected
    kinds = np.floor(u[..., 1] * len(KINDS)) * len(RADII) + np.floor(u[..., 2] * len(RADII))
    return Things(there, kinds.astype(np.int64), np.floor(40 + 216 * u[..., 3:6]).astype(np.uint8), u[..., 6:])


@cache
def table(kinds: int, radii: tuple[float, ...], shifts: int) -> NDArray[np.uint16]:
    """Shares of the first of `KINDS`, each of some radii in pixels, at all shifts: (m h 3w)."""
    reach = shapes.reach("disc", max(radii))
    stack = np.zeros((kinds * len(radii), shifts**2, 2 * reach + 1, 2 * reach + 1))
    for number, (kind, radius) in enumerate(product(KINDS[:kinds], radii)):
        own = shapes.coverage(kind, radius, shifts)
        rim = reach - shapes.reach(kind, radius)
        stack[number, :, rim : rim + own.shape[2], rim : rim + own.shape[2]] = own.reshape(shifts**2, *own.shape[2:])
    return shares(stack.reshape(-1, *stack.shape[2:]))


def table_memory(radius: float) -> int:
    """Bytes that the tables of things beside a marker of `radius` pixels take while they are made."""
    side = 2 * shapes.reach("disc", max(RADII) * radius) + 1
    return len(KINDS) * len(RADII) * shapes.SUBPIXELS**2 * side**2 * (2 * 8 + 3 * 2)


def objects(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, offset: int, resolution: int) -> None:
    """Paints what stands still onto the worlds (n h w) of some clips; frames begin at `offset` in a world."""
    of = things(clutter, numbers, "objects", clutter.objects)
    places = of.u[..., None, :2] * resolution - 0.5 + offset
    _paint(frames, of, places, radius, of.there[..., None])


def moving(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, camera: Integers) -> None:
    """Paints distractors and flashes onto the frames (n*t h w) of some clips, moved by `camera` (n t 2) pixels."""
    resolution, times = frames.shape[1], camera.shape[1]
    of = things(clutter, numbers, "distractors", clutter.distractors)
    places = distractors(of.u, clutter, times, resolution) + camera[:, None]
    _paint(frames, of, places, radius, np.broadcast_to(of.there[..., None], places.shape[:-1]))
    of = things(clutter, numbers, "flashes", clutter.flashes)
    first = np.floor(of.u[..., 2:3] * times)
    last = first + np.floor(of.u[..., 3:4] * max(times // 4, 1))
    time = np.arange(times)
    lit = of.there[..., None] & (first <= time) & (time <= last)
    _paint(frames, of, of.u[..., None, :2] * resolution - 0.5 + camera[:, None], radius, lit)


def occluders(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, camera: Integers) -> None:
    """Paints what the marker passes behind onto the frames (n*t h w) of some clips: grey, on whole pixels."""
    resolution = frames.shape[1]
    of = things(clutter, numbers, "occluders", clutter.occluders)
    places = np.floor(of.u[..., None, :2] * resolution) + camera[:, None]
    shape = table(SOLID, (OCCLUDER * radius,), 1)
    kinds = np.floor(of.u[..., 2] * SOLID).astype(np.int64)
    there = np.broadcast_to(of.there[..., None], places.shape[:-1])
    _paint_from(shape, 1, frames, replace(of, entries=kinds, colours=of.colours[..., :1].repeat(3, -1)), places, there)


def distractors(u: Array, clutter: Clutter, times: int, resolution: int) -> Array:
    """Where distractors are in each frame: (n j t 2), pixels; `u` (n j 8) are numbers from 0 to 1."""
    start = u[..., None, :2]
    heading = 2 * u[..., None, 2:4] - 1
    heading = heading / np.maximum(np.sqrt((heading * heading).sum(axis=-1, keepdims=True)), 1e-9)
    moment = (np.arange(times) / max(times - 1, 1))[:, None]
    way = clutter.speed * (0.5 + u[..., None, 4:5])
    if clutter.motion == "line":
        places = start + heading * way * moment
    elif clutter.motion == "loop":
        turn = np.array([[math.cos(2 * math.pi * at), math.sin(2 * math.pi * at)] for at in moment[:, 0].tolist()])
        sense = np.where(u[..., 5:6] < 0.5, -1.0, 1.0)[..., None, :]
        x = heading[..., :1] * turn[:, :1] - sense * heading[..., 1:] * turn[:, 1:]
        y = heading[..., 1:] * turn[:, :1] + sense * heading[..., :1] * turn[:, 1:]
        places = start + way / (2 * math.pi) * np.concatenate([x, y], axis=-1)
    else:
        # Of a hash of the thing's own numbers, so that a walk too is the clip's alone.
        bits = (u[..., 2:4] * 2.0**53).astype(np.int64)
        walks = [uniform(clutter.seed, bits[..., axis].reshape(-1), "walk", times - 1) for axis in (0, 1)]
        steps = np.stack(walks, axis=-1).reshape(*u.shape[:2], times - 1, 2) - 0.5
        walk = np.concatenate([np.zeros((*u.shape[:2], 1, 2)), np.cumsum(steps, axis=2)], axis=2)
        places = start + walk * way * (2.6 / max(times - 1, 1))  # a step is 0.38 long on average
    turned = places - 2 * np.floor(places / 2)  # back from the edge
    return (1 - np.abs(1 - turned)) * resolution - 0.5


def _paint(frames: Bytes, of: Things, places: Array, radius: float, there: NDArray[np.bool_]) -> None:
    """Paints things of all kinds, beside a marker of `radius` pixels; the rest as `_paint_from` has it."""
    shape = table(len(KINDS), tuple(factor * radius for factor in RADII), shapes.SUBPIXELS)
    _paint_from(shape, shapes.SUBPIXELS**2, frames, of, places, there)


def _paint_from(
    shape: NDArray[np.uint16], shifts: int, frames: Bytes, of: Things, places: Array, there: NDArray[np.bool_]
) -> None:
    """Paints entries of a table, which has `shifts` of each, at `places` (n j t 2) where they are `there` (n j t)."""
    resolution, reach, times = frames.shape[1], shape.shape[1] // 2, there.shape[2]
    for thing in range(there.shape[1]):  # one after the other, since they may overlap
        clips, time = np.nonzero(there[:, thing])
        corners, shift = corners_and_entries(places[clips, thing, time], resolution, reach)
        entries, numbers = of.entries[clips, thing] * shifts + shift, clips * times + time
        paint(frames, shape, entries, corners, numbers, of.colours[clips, thing])
