"""Control: random numbers, independent of the clip. A probe with more than chance accuracy on them is broken."""

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.files.video_shards import Batch
from trajprobe.params import Parameters, Seed


class Options(Parameters, frozen=True):
    """Dimensions and seed of the noise; a shard of a million dimensions has a GB."""

    dimensions: Annotated[int, Meta(ge=1, le=10**6)]
    seed: Seed


def features(batch: Batch, options: Options) -> NDArray[np.float32]:
    """Uniform noise in [0, 1), float32 [b t d], t = 1, d = `dimensions`."""
    generator = np.random.default_rng([options.seed, batch.start])
    return generator.random((len(batch.video), 1, options.dimensions), dtype=np.float32)
