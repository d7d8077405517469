"""python benchmarks/bench_features.py: features of magvit2_tiny from clip shards, beside the bare network."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import machine, ratio
from trajprobe.features.encoder import FeatureMaker
from trajprobe.features.extraction import extract
from trajprobe.features.setting import Setting

from trajprobe.backbones import magvit2_tiny
from trajprobe.files import video_shards as clips
from trajprobe.files.shards import ShardWriter
from trajprobe.rows import Run, Untrained
from trajprobe.stage import Compute

CLIPS, SHARDS, THREADS = 256, 8, 2

torch.set_num_threads(THREADS)
shape = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
row = Untrained(family="magvit2_tiny", architecture=shape, clips="t17", layer="hidden", pooling="tmean")
architecture = magvit2_tiny.Architecture(8, (1, 2, 4), 1, 18)
network = magvit2_tiny.build(architecture).eval()
video = np.random.default_rng(0).integers(0, 256, (CLIPS, 17, 32, 32, 3), dtype=np.uint8)
inputs = magvit2_tiny.preprocess(torch.from_numpy(video))

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    os.environ["TRAJPROBE_STORE"] = str(folder / "store")
    (folder / "clips").mkdir()
    meta = {"scene": {}, "format": {"frames": 17, "size": 32}}
    writer = ShardWriter(folder / "clips", meta | {"tracks": ""})
    for shard in range(SHARDS):  # of other clips each: equal ones would be made once
        writer.add(clips.packed(np.roll(video, shard, axis=0), np.zeros((CLIPS, 17, 2)), meta), CLIPS)
    writer.close()
    shards = clips.Clips(folder / "clips")

    class Job:
        folder = folder / "features"

        def open(self) -> FeatureMaker:
            return FeatureMaker(
                Setting(row, "bench", architecture, shards, Run(16, 4), Compute(THREADS, "native")), network, {}
            )

    def ours() -> object:
        shutil.rmtree(folder / "store", ignore_errors=True)
        return extract(Job().open().setting, [Job()], "bench")

    @torch.inference_mode()
    def bare() -> object:
        return [network.hidden(inputs[start : start + 16]) for _ in range(SHARDS) for start in range(0, CLIPS, 16)]

    @torch.inference_mode()
    def one_by_one() -> object:
        return [
            network.hidden(magvit2_tiny.preprocess(torch.from_numpy(clip[None])))
            for _ in range(SHARDS)
            for clip in video
        ]

    print(f"Features of 17 frames of 32 x 32, in clips; {THREADS} threads; {machine()}")
    ratio("from shards to shards", ours, {"the bare network": bare, "one clip at a time": one_by_one}, CLIPS * SHARDS)
