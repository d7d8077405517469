"""Control: the raw coordinates at the clip's frames, as a linear probe sees them without any video."""

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """The blob's column and row in each frame, pixels: float32 [b t d], d = 2."""
    return batch.points.astype(np.float32)
