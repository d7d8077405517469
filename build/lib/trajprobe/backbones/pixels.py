"""Control: the pixels themselves, grey: what a linear probe reaches without any network."""

import numpy as np
from einops import rearrange
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters


class Options(Parameters, frozen=True):
    """None."""


def features(batch: Batch, _: Options) -> NDArray[np.float32]:
    """Video [b t h w c] -> grey values in [0, 1], float32 [b t d], d = h w."""
    grey = batch.video.sum(axis=-1, dtype=np.uint16).astype(np.float32) / np.float32(3 * 255)
    return rearrange(grey, "b t h w -> b t (h w)")
