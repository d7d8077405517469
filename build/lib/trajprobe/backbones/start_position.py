"""Control: where the track starts. A static cue; near chance where classes do not differ in place."""

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """The blob's column and row in the first frame, pixels: float32 [b t d], t = 1, d = 2."""
    return batch.points[:, :1].astype(np.float32)
