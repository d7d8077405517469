"""Control: how far the track reaches. A static cue; near chance where classes do not differ in size."""

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """Width and height of the box around the blob's places, pixels: float32 [b t d], t = 1, d = 2."""
    return np.ptp(batch.points, axis=1, keepdims=True).astype(np.float32)
