"""Ten families of simulated 3-D motion, for the default data set and for its unlabelled pool.

Every track has the same number of points at equal time steps, lies in a plane that is tilted a little out
of the xy plane (so that it stays recognisable in an orthographic view), and has a random heading, size,
place and measurement noise. Place and size are drawn alike for all families: they are weak cues.
"""

from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.files import memory
from trajprobe.params import Parameters, Seed
from trajprobe.stage import progress

Array = NDArray[np.float64]
#: Copies of the points as float64 that are in memory at once while they are drawn, about.
COPIES = 8


class Synthetic(Parameters, frozen=True):
    """What the synthetic stage draws."""

    # Their product is held against the memory, in `check_memory`; each alone, against hours of drawing.
    clips: Annotated[int, Meta(ge=20, le=10**7)]  #: labelled tracks, spread evenly over the families
    pool: Annotated[int, Meta(ge=1, le=10**7)]  #: unlabelled tracks for pretraining
    points: Annotated[int, Meta(ge=8, le=10**5)]  #: points a track
    tilt: Annotated[float, Meta(ge=0.0, le=1.5708)]  #: largest tilt out of the xy plane, radians
    noise: Annotated[
        float, Meta(ge=0.0, le=1.0)
    ]  #: standard deviation of each coordinate, world units (the world is 2 wide)
    seed: Seed  #: of the labelled tracks
    pool_seed: Seed  #: of the pool


def _line(progress: Array) -> Array:
    return np.stack([2 * progress - 1, np.zeros_like(progress), np.zeros_like(progress)], axis=-1)


def _turning(angle: Array, radius: Array | float) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros_like(angle)], axis=-1)


def linear(time: Array, _: np.random.Generator) -> Array:
    return _line(time)


def accelerating(time: Array, _: np.random.Generator) -> Array:
    return _line(time**2)


def decelerating(time: Array, _: np.random.Generator) -> Array:
    return _line(1 - (1 - time) ** 2)


def _circle(time: Array, generator: np.random.Generator, direction: int) -> Array:
    turns = generator.uniform(0.9, 1.6, (len(time), 1))
    return _turning(direction * 2 * np.pi * turns * time, 0.8)


def circular_clockwise(time: Array, generator: np.random.Generator) -> Array:
    return _circle(time, generator, -1)


def circular_counterclockwise(time: Array, generator: np.random.Generator) -> Array:
    return _circle(time, generator, +1)


def helical(time: Array, generator: np.random.Generator) -> Array:
    """A helix about an axis in the plane: from the side, a sine."""
    turns = generator.uniform(1.5, 2.5, (len(time), 1))
    angle = 2 * np.pi * turns * time + generator.uniform(0, 2 * np.pi, (len(time), 1))
    return np.stack([2 * time - 1, 0.35 * np.cos(angle), 0.35 * np.sin(angle)], axis=-1)


def parabolic(time: Array, generator: np.random.Generator) -> Array:
    height = generator.uniform(0.7, 1.3, (len(time), 1))
    along = 2 * time - 1
    return np.stack([0.9 * along, height * (0.5 - along**2), np.zeros_like(time)], axis=-1)


def _spiral(time: Array, generator: np.random.Generator, radius: Array) -> Array:
    turns = generator.uniform(1.2, 2.2, (len(time), 1)) * generator.choice([-1, 1], (len(time), 1))
    return _turning(2 * np.pi * turns * time, radius)


def spiral_in(time: Array, generator: np.random.Generator) -> Array:
    return _spiral(time, generator, 1 - 0.85 * time)


def spiral_out(time: Array, generator: np.random.Generator) -> Array:
    return _spiral(time, generator, 0.15 + 0.85 * time)


def zigzag(time: Array, generator: np.random.Generator) -> Array:
    turns = generator.uniform(1.5, 2.5, (len(time), 1))
    phase = turns * time + generator.uniform(0, 1, (len(time), 1))
    triangle = 4 * np.abs(phase - np.floor(phase) - 0.5) - 1
    return np.stack([2 * time - 1, 0.35 * triangle, np.zeros_like(time)], axis=-1)


FAMILIES = (
    linear,
    accelerating,
    decelerating,
    circular_clockwise,
    circular_counterclockwise,
    helical,
    parabolic,
    spiral_in,
    spiral_out,
    zigzag,
)
NAMES = tuple(family.__name__ for family in FAMILIES)


def check_memory(params: Synthetic) -> None:
    """Raises UserError where the larger of the two sets does not fit into memory."""
    size = 8 * 3 * COPIES * params.points * max(params.clips, params.pool)
    memory.require(size, "params.yaml: `synthetic`", "lower `clips`, `pool` or `points`", memory.total())


def arrays(count: int, params: Synthetic, seed: int) -> dict[str, NDArray[Any]]:
    """A data set of `count` tracks, as the arrays of a raw file."""
    check_memory(params)
    trajectories, labels = tracks(count, params, seed)
    return {"trajectories": trajectories, "labels": labels, "label_names": np.array(NAMES)}


def tracks(count: int, params: Synthetic, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`count` tracks, as many of each family as of any other (give or take one), in random order.

    Returns:
        trajectories (n t 3), within about [-1, 1], and labels (n), the index in `FAMILIES`.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count, dtype=np.int64) % len(FAMILIES))
    points = np.empty((count, params.points, 3))
    for label, family in enumerate(progress(FAMILIES, "synthetic motion", "families", len(FAMILIES))):
        chosen = np.flatnonzero(labels == label)
        time = np.broadcast_to(np.linspace(0, 1, params.points), (len(chosen), params.points))
        shape = family(time, generator)
        low, high = shape.min(axis=1, keepdims=True), shape.max(axis=1, keepdims=True)
        points[chosen] = shape - (low + high) / 2
    points = _tilt(points, generator.uniform(0, 2 * np.pi, count), generator.uniform(0, params.tilt, count))
    points = _turn(points, generator.uniform(0, 2 * np.pi, count))
    points *= generator.uniform(0.3, 0.6, (count, 1, 1))
    points += generator.uniform(-0.4, 0.4, (count, 1, 3))
    points += generator.normal(0, params.noise, points.shape)
    # Sines and cosines differ in their last bit from one instruction set to another; a grid of 1e-5 hides it.
    return np.round(points, 5).astype(np.float32), labels


def _turn(points: Array, angle: Array) -> Array:
    """Rotates each track (n t 3) about z by its angle (n), radians."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([c * x - s * y, s * x + c * y, z], axis=-1)


def _tilt(points: Array, axis: Array, angle: Array) -> Array:
    """Rotates each track (n t 3) by its angle (n) about the axis of the xy plane that stands at `axis` (n) to x."""
    x, y, z = np.moveaxis(_turn(points, -axis), -1, 0)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return _turn(np.stack([x, c * y - s * z, s * y + c * z], axis=-1), axis)
