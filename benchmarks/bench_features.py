"""python benchmarks/bench_features.py: features of magvit2_tiny from clip shards, beside the bare network."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import machine, ratio

from trajprobe.backbones import magvit2_tiny
from trajprobe.backbones.family import network_family
from trajprobe.features.extraction import Job, extract
from trajprobe.features.rows import Run, Untrained
from trajprobe.features.setting import Setting
from trajprobe.stage import Compute
from trajprobe.storage import ShardWriter
from trajprobe.videos import clips

CLIPS, THREADS = 256, 2

torch.set_num_threads(THREADS)
shape = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
row = Untrained(family="magvit2_tiny", architecture=shape, clips="t17", layer="hidden", pooling="tmean")
architecture = magvit2_tiny.Architecture(8, (1, 2, 4), 1, 18)
network = magvit2_tiny.build(architecture).eval()
video = np.random.default_rng(0).integers(0, 256, (CLIPS, 17, 32, 32, 3), dtype=np.uint8)
inputs = magvit2_tiny.preprocess(torch.from_numpy(video))

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "clips").mkdir()
    writer = ShardWriter(folder / "clips", {"tracks": "", "format": {"frames": 17, "size": 32}})
    clips.add(writer, video, np.zeros((CLIPS, 17, 2)))
    writer.close()

    def ours() -> object:
        shards = clips.Clips(folder / "clips")
        setting = Setting(
            row,
            "bench",
            network_family("magvit2_tiny"),
            architecture,
            shards,
            Run(16, 4),
            Compute(THREADS, "native"),
            torch.device("cpu"),
        )
        return extract(setting, [Job(network, folder / "features", {})], 1, "bench")

    @torch.inference_mode()
    def bare() -> object:
        return [network.hidden(inputs[start : start + 16]) for start in range(0, CLIPS, 16)]

    @torch.inference_mode()
    def one_by_one() -> object:
        return [network.hidden(magvit2_tiny.preprocess(torch.from_numpy(clip[None]))) for clip in video]

    print(f"Features of 17 frames of 32 x 32, in clips; {THREADS} threads; {machine()}")
    ratio("from shards to shards", ours, {"the bare network": bare, "one clip at a time": one_by_one}, CLIPS)
