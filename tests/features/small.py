"""Ten small clips and a small network, for the tests of features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from trajprobe.backbones import magvit2_tiny
from trajprobe.features.encoder import Encoder
from trajprobe.features.setting import Setting
from trajprobe.files import video_shards as clips
from trajprobe.files.shards import ShardWriter
from trajprobe.rows import Run, Untrained
from trajprobe.stage import Compute

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
    meta = {"scene": {}, "format": {"frames": video.shape[1], "size": 16}}
    writer = ShardWriter(folder, meta | {"tracks": "t1"})
    points = np.resize(POINTS, (len(video), *POINTS.shape[1:]))
    for part, places in zip(np.split(video, cuts), np.split(points, cuts), strict=True):
        writer.add(clips.packed(part, places, meta), len(part))
    writer.close()
    return clips.Clips(folder)


def setting(stored, microbatch, **changed):
    return Setting(
        row=Untrained(**ROW | changed),
        name="a-row",
        shape=msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture),
        clips=stored,
        run=Run(microbatch=microbatch, memory=1),
        compute=Compute(threads=2, instruction_set="native"),
    )


@dataclass(frozen=True)
class Job:
    """A network that is there already."""

    setting: Setting
    network: torch.nn.Module
    folder: Path
    source: dict[str, Any]

    def open(self):
        return Encoder(self.setting, self.network, self.source)


def direct(video=VIDEO):
    with torch.no_grad():
        hidden = built().eval().hidden(torch.from_numpy(video).permute(0, 4, 1, 2, 3) / 127.5 - 1)
    return hidden.mean(dim=(3, 4)).transpose(1, 2).numpy()
