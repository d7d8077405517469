"""Ten small clips and a small network, for the tests of features."""

import msgspec
import numpy as np
import torch

from trajprobe.backbones import magvit2_tiny
from trajprobe.features.rows import Run, Untrained
from trajprobe.features.setting import Setting
from trajprobe.stage import Compute
from trajprobe.storage import ShardWriter
from trajprobe.videos import clips

ARCHITECTURE = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 1, "bits": 4}

ROW = {
    "family": "magvit2_tiny",
    "architecture": ARCHITECTURE,
    "clips": "small",
    "layer": "hidden",
    "pooling": "tmean",
}

VIDEO = np.random.default_rng(0).integers(0, 256, (10, 5, 16, 16, 3), dtype=np.uint8)

POINTS = np.random.default_rng(1).uniform(0, 15, (10, 5, 2))


def built(seed=0):
    torch.manual_seed(seed)
    return magvit2_tiny.build(msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture))


def written(folder, cuts, video=VIDEO):
    """Clips in shards that begin at 0 and at each of `cuts`."""
    writer = ShardWriter(folder, {"tracks": "t1", "scene": {}, "format": {"frames": video.shape[1], "size": 16}})
    points = np.resize(POINTS, (len(video), *POINTS.shape[1:]))
    for part, places in zip(np.split(video, cuts), np.split(points, cuts), strict=True):
        clips.add(writer, part, places)
    writer.close()
    return clips.Clips(folder)


def setting(stored, microbatch, **changed):
    return Setting(
        row=Untrained(**ROW | changed),
        name="a-row",
        family=magvit2_tiny,
        shape=msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture),
        clips=stored,
        run=Run(microbatch=microbatch, memory=1),
        compute=Compute(threads=2, instruction_set="native"),
        device=torch.device("cpu"),
    )


def direct(video=VIDEO):
    with torch.no_grad():
        hidden = built().eval().hidden(torch.from_numpy(video).permute(0, 4, 1, 2, 3) / 127.5 - 1)
    return hidden.mean(dim=(3, 4)).transpose(1, 2).numpy()
