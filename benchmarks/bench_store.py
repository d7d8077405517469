"""python benchmarks/bench_store.py: shards into the store and out of it, the size of codes, memory on long sets."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import machine, ratio

from trajprobe.features.tokens import pack
from trajprobe.files.shards import decode_shard, encode_shard
from trajprobe.files.store import Store

CLIPS = 256


def peak(folder: Path, count: int) -> float:
    """MB that a process takes at most which extracts features of so many clips, beside what its imports take."""
    printed = subprocess.run(
        [sys.executable, __file__, str(folder), str(count)], capture_output=True, text=True, check=True
    ).stdout
    before, after = json.loads(printed)
    return (after - before) / 1e3


def extract_many(folder: Path, count: int) -> None:
    """What `peak` runs; prints the kilobytes before and after."""
    import torch

    from trajprobe.backbones import magvit2_tiny, weights
    from trajprobe.features.extract import extract
    from trajprobe.files.shards import ShardWriter
    from trajprobe.files.video_shards import packed

    torch.set_num_threads(1)
    os.chdir(folder)
    meta = {"scene": {}, "format": {"frames": 5, "resolution": 32}}
    writer = ShardWriter(Path("data/clips") / str(count), meta | {"tracks": ""})
    generator = np.random.default_rng(0)
    for _ in range(0, count, CLIPS):
        video = generator.integers(0, 256, (CLIPS, 5, 32, 32, 3), dtype=np.uint8)
        writer.add(packed(video, np.zeros((CLIPS, 5, 2)), meta), CLIPS)
    writer.close()
    architecture = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 0, "bits": 4}
    network = magvit2_tiny.build(magvit2_tiny.Architecture(4, (1, 1, 2), 0, 4))
    weights.save(weights.WEIGHTS / "net", network, {})
    net = {"family": "magvit2_tiny", "clips": str(count), "weights": "net", "like": "net"}
    values = {
        "compute": {"threads": 1, "instruction_set": "native"},
        "features": {"seeds": 2, "microbatch": 16, "memory": 4},
        # A row that is like another one has its pretrained network alone.
        "rows": {"net": net | {"architecture": architecture, "layer": "hidden"}, "trained": net},
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    extract(values, "trained")
    print(json.dumps([before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))


def main(folder: Path) -> None:
    os.environ["TRAJPROBE_STORE"] = str(folder / "store")
    store = Store.here()
    print(f"The store of shards; {machine()}")
    features = np.random.default_rng(0).normal(size=(CLIPS, 16, 512)).astype(np.float32)
    key, number = Store.key({}), 0

    def put() -> object:
        nonlocal number
        number += 1
        return store.put(Store.key({"n": number}), encode_shard({"features": features}, {}))

    def get() -> object:
        entry = store.get(key)
        assert entry
        return decode_shard(entry.path.read_bytes())["features"].sum()

    store.put(key, encode_shard({"features": features}, {}))
    path = folder / "plain.npy"
    megabytes = round(features.nbytes / 1e6)
    ratio("flushed, hashed and renamed, MB", put, {"numpy.save": lambda: np.save(path, features)}, megabytes)
    ratio("verified and read, MB", get, {"numpy.load": lambda: np.load(path).sum()}, megabytes)
    codes = np.random.default_rng(0).integers(0, 2**18, (CLIPS, 2, 16, 16))
    size = len(encode_shard({"codes": pack(codes, 18), "shape": np.array(codes.shape[1:])}, {"recipe": "x" * 1500}))
    print(f"  codes of 5 x 128 x 128: {size / CLIPS:,.1f} bytes a clip, {size / CLIPS / 1152 - 1:.1%} over 1,152")
    few, many = peak(folder, 1_024), peak(folder, 20_480)
    print(f"  memory of extraction: {few:,.0f} MB for 1,024 clips, {many:,.0f} MB for 20,480")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        extract_many(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
