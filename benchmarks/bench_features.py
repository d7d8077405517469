"""python benchmarks/bench_features.py: features of magvit2_tiny from clip shards, beside the bare network."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import machine, ratio

from trajprobe.backbones import magvit2_tiny
from trajprobe.features.extraction import Job, extract
from trajprobe.features.rows import Run, Untrained
from trajprobe.storage import ShardWriter
from trajprobe.videos import clips

CLIPS, THREADS = 256, 2

torch.set_num_threads(THREADS)
shape = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
row = Untrained(family="magvit2_tiny", architecture=shape, clips="t17", layer="hidden", pooling="tmean")
network = magvit2_tiny.build(magvit2_tiny.Architecture(8, (1, 2, 4), 1, 18)).eval()
video = np.random.default_rng(0).integers(0, 256, (CLIPS, 17, 32, 32, 3), dtype=np.uint8)
inputs = magvit2_tiny.preprocess(torch.from_numpy(video))

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "clips").mkdir()
    writer = ShardWriter(folder / "clips", {"tracks": ""})
    clips.add(writer, video, np.zeros((CLIPS, 17, 2)))
    writer.close()

    def ours() -> object:
        shards = clips.Clips(folder / "clips")
        job = Job(network, folder / "features", {})
        return extract([job], magvit2_tiny, row, shards, Run(microbatch=16), torch.device("cpu"), "bench")  # type: ignore[arg-type]

    @torch.inference_mode()
    def bare() -> object:
        return [network.hidden(inputs[start : start + 16]) for start in range(0, CLIPS, 16)]

    @torch.inference_mode()
    def one_by_one() -> object:
        return [network.hidden(magvit2_tiny.preprocess(torch.from_numpy(clip[None]))) for clip in video]

    print(f"Features of 17 frames of 32 x 32, in clips; {THREADS} threads; {machine()}")
    ratio("from shards to shards", ours, {"the bare network": bare, "one clip at a time": one_by_one}, CLIPS)
