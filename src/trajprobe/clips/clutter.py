"""What is in the way: things that are not the track's. Which, where and when is drawn from the track's number alone.

A `level` scales all of it. What a level has, a higher one has too, and more of it: thing number j of a clip is there
where j + a number of its own is below level times the count, and so on. Level 0 has nothing.
"""

import math
from dataclasses import dataclass
from functools import cache
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
#: Radii of things, as multiples of the marker's, and of what it is hidden by.
RADII, OCCLUDER = (0.7, 1.3), 2.5
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
def table(radius: float) -> NDArray[np.uint16]:
    """Shares of all kinds of things beside a marker of `radius` pixels, 64 sub-pixel places each: (m h 3w)."""
    side = 2 * reach(radius) + 1
    stack = np.zeros((len(KINDS) * len(RADII), 64, side, side))
    for number, (kind, factor) in enumerate((kind, factor) for kind in KINDS for factor in RADII):
        own = shapes.coverage(kind, factor * radius).reshape(64, *[2 * shapes.reach(kind, factor * radius) + 1] * 2)
        rim = (side - own.shape[1]) // 2
        stack[number, :, rim : side - rim, rim : side - rim] = own
    return shares(stack.reshape(-1, side, side))


def reach(radius: float) -> int:
    """Pixels from a thing's middle to the edge of its patch, for the largest of them."""
    return shapes.reach("disc", max(RADII) * radius)


def objects(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, offset: int, resolution: int) -> None:
    """Paints what stands still onto the worlds (n h w) of some clips; frames begin at `offset` in a world."""
    of = things(clutter, numbers, "objects", clutter.objects)
    _paint(frames, of, of.u[..., :2] * resolution - 0.5 + offset, radius, np.arange(len(numbers)), of.there)


def moving(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, camera: Integers) -> None:
    """Paints distractors and flashes onto the frames (n*t h w) of some clips, moved by `camera` (n t 2) pixels."""
    resolution, times = frames.shape[1], camera.shape[1]
    own = np.arange(len(numbers)) * times
    of = things(clutter, numbers, "distractors", clutter.distractors)
    paths = distractors(of.u, clutter, times, resolution)
    for time in range(times):
        _paint(frames, of, paths[:, :, time] + camera[:, None, time], radius, own + time, of.there)
    of = things(clutter, numbers, "flashes", clutter.flashes)
    first = np.floor(of.u[..., 2] * times)
    last = first + np.floor(of.u[..., 3] * max(times // 4, 1))
    for time in range(times):
        places = of.u[..., :2] * resolution - 0.5 + camera[:, None, time]
        _paint(frames, of, places, radius, own + time, of.there & (first <= time) & (time <= last))


def occluders(frames: Bytes, clutter: Clutter, numbers: Integers, radius: float, camera: Integers) -> None:
    """Paints what the marker passes behind onto the frames (n*t h w) of some clips."""
    resolution, times = frames.shape[1], camera.shape[1]
    of = things(clutter, numbers, "occluders", clutter.occluders)
    solid = of.entries % (len(RADII) * (len(KINDS) - 1))  # no rings: the marker is to be hidden
    grey = Things(of.there, solid, of.colours[..., :1].repeat(3, axis=-1), of.u)
    places = of.u[..., :2] * resolution - 0.5
    for time in range(times):
        number = np.arange(len(numbers)) * times + time
        _paint(frames, grey, places + camera[:, None, time], OCCLUDER * radius, number, of.there)


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
        drawn = [uniform(clutter.seed, bits[..., axis].reshape(-1), "walk", times - 1) for axis in (0, 1)]
        steps = np.stack(drawn, axis=-1).reshape(*u.shape[:2], times - 1, 2) - 0.5
        walk = np.concatenate([np.zeros((*u.shape[:2], 1, 2)), np.cumsum(steps, axis=2)], axis=2)
        places = start + walk * way * (2.6 / max(times - 1, 1))  # a step is 0.38 long on average
    turned = places - 2 * np.floor(places / 2)  # back from the edge
    return (1 - np.abs(1 - turned)) * resolution - 0.5


def _paint(
    frames: Bytes, of: Things, places: Array, radius: float, numbers: Integers, there: NDArray[np.bool_]
) -> None:
    """Paints things at `places` (n j 2), where they are `there` (n j), on the frames `numbers` (n)."""
    shape = table(radius)
    side = frames.shape[1]
    for thing in range(there.shape[1]):
        clips = np.flatnonzero(there[:, thing])
        corners, shifts = corners_and_entries(places[clips, thing], side, reach(radius))
        paint(frames, shape, of.entries[clips, thing] * 64 + shifts, corners, numbers[clips], of.colours[clips, thing])
