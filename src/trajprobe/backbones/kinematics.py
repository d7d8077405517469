"""Control: kinematics of the coordinates at the clip's frames. What the tracks tell without video."""

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """Features that do not depend on place and heading: float32 [b t d], t = 1, d = 5 f - 5 for clips of f frames.

    In this order: speed (f - 1), pixels a frame; signed turning angle and its magnitude (f - 2 each), radians; distance
    from the start and from the mean place (f each), pixels.
    """
    points = batch.points
    step = np.diff(points, axis=1)
    speed = _length(step)
    x, y = step[..., 0], step[..., 1]
    cross, dot = x[:, :-1] * y[:, 1:] - y[:, :-1] * x[:, 1:], x[:, :-1] * x[:, 1:] + y[:, :-1] * y[:, 1:]
    turn = np.arctan2(cross, dot)
    from_start = _length(points - points[:, :1])
    from_mean = _length(points - points.mean(axis=1, keepdims=True))
    joined = np.concatenate([speed, turn, np.abs(turn), from_start, from_mean], axis=1)[:, None]
    # The last bits of arctan2 and of the mean may depend on the instruction set; rounding removes them.
    return np.round(joined, 6).astype(np.float32)


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)
