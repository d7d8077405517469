"""python benchmarks/bench_features.py: features of magvit2_tiny from clip shards, beside the bare network."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import machine, ratio

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.features.extract import extract
from trajprobe.files.shards import ShardWriter
from trajprobe.files.video_shards import CLIPS, packed

COUNT, SHARDS, THREADS, MICROBATCH = 256, 8, 2, 16
NET = {"family": "magvit2_tiny", "clips": "t17", "weights": "net", "like": "net"}
VALUES = {
    "compute": {"threads": THREADS, "instruction_set": "native"},
    "features": {"seeds": 2, "microbatch": MICROBATCH, "memory": 4},
    # A row that is like another one has its pretrained network alone.
    "rows": {"net": NET | {"layer": "hidden"}, "trained": NET},
}

torch.set_num_threads(THREADS)
network = magvit2_tiny.build(magvit2_tiny.Architecture()).eval()
video = np.random.default_rng(0).integers(0, 256, (COUNT, 17, 32, 32, 3), dtype=np.uint8)
inputs = magvit2_tiny.preprocess(torch.from_numpy(video))


def ours() -> object:
    shutil.rmtree("store", ignore_errors=True)
    return extract(VALUES, "trained")


@torch.inference_mode()
def bare() -> object:
    starts = range(0, COUNT, MICROBATCH)
    return [network.hidden(inputs[start : start + MICROBATCH]) for _ in range(SHARDS) for start in starts]


@torch.inference_mode()
def one_by_one() -> object:
    return [
        network.hidden(magvit2_tiny.preprocess(torch.from_numpy(clip[None]))) for _ in range(SHARDS) for clip in video
    ]


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    os.environ["TRAJPROBE_STORE"] = str(Path(name) / "store")
    meta = {"scene": {}, "format": {"frames": 17, "resolution": 32}}
    writer = ShardWriter(CLIPS / "t17", meta | {"tracks": ""})
    for shard in range(SHARDS):  # of other clips each: equal ones would be made once
        writer.add(packed(np.roll(video, shard, axis=0), np.zeros((COUNT, 17, 2)), meta), COUNT)
    writer.close()
    weights.save(weights.WEIGHTS / "net", network, {})

    print(f"Features of 17 frames of 32 x 32, in clips; {THREADS} threads; {machine()}")
    ratio("from shards to shards", ours, {"the bare network": bare, "one clip at a time": one_by_one}, COUNT * SHARDS)
