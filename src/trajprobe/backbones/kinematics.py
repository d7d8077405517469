"""Control: kinematics of the coordinates at the clip's frames. The ceiling of what the clip can tell of the motion."""

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None: the clip format says it all."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """What does not depend on place and heading, per track, float32 [b t d], t = 1, with f frames d = 5 f - 5:

    speed (f - 1), pixels a frame; signed turning angle and its size (f - 2 each), radians; distance from the start
    and from the mean place (f each), pixels.
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
    # arctan2 and the mean may differ in their last bit from one instruction set to another; rounding hides it.
    return np.round(joined, 6).astype(np.float32)


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)
