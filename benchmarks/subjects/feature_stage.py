"""Features of magvit2_tiny from shards of clips to shards of features, beside the bare network.

2,048 clips of 17 x 32 x 32 in 8 shards, 16 at once, with two threads. *One after the other* reads and verifies a shard,
runs the network, and writes and hashes its features before it reads the next one; the stage overlaps these.
"""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from measure import Row, compared, memory_of

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.features.extract import extract
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.files.store import Store
from trajprobe.files.video_shards import CLIPS, open_clips, packed

THREADS, MICROBATCH, SHARDS = 2, 16, 8
NET = {"family": "magvit2_tiny", "clips": "t17", "weights": "net", "like": "net"}
#: Of a network so small that reading and writing are most of the work; and the clips that memory is measured for.
SMALL = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 0, "bits": 4}
FEW, MANY = 1_024, 20_480


def values(of: dict[str, Any], **architecture: Any) -> dict[str, Any]:
    """params.yaml with a row `trained` that has its pretrained network alone, since it is like another one."""
    return {
        "compute": {"threads": THREADS, "instruction_set": "native"},
        "features": {"seeds": 2, "microbatch": MICROBATCH, "memory": 4},
        "rows": {"net": of | {"layer": "hidden", "architecture": architecture}, "trained": of},
    }


def write_clips(name: str, videos: Iterator[Any]) -> None:
    meta = {"scene": {}, "format": {"frames": 0, "resolution": 32}}
    writer = ShardWriter(CLIPS / name, meta | {"tracks": ""})
    for video in videos:
        meta["format"] = {"frames": video.shape[1], "resolution": 32}
        writer.meta |= meta
        writer.add(packed(video, np.zeros((*video.shape[:2], 2)), meta), len(video))
    writer.close()


def rows(*, quick: bool) -> Iterator[Row]:
    count, shards = (16, 2) if quick else (256, SHARDS)
    torch.set_num_threads(THREADS)
    network = magvit2_tiny.build(magvit2_tiny.Architecture()).eval()
    weights.save(weights.WEIGHTS / "net", network, {})
    video = np.random.default_rng(0).integers(0, 256, (count, 17, 32, 32, 3), dtype=np.uint8)
    write_clips("t17", (np.roll(video, shard, axis=0) for shard in range(shards)))  # equal ones would be made once
    inputs = magvit2_tiny.preprocess(torch.from_numpy(video))
    starts = range(0, count, MICROBATCH)

    def ours() -> object:
        shutil.rmtree("store", ignore_errors=True)
        return extract(values(NET), "trained")

    def bare() -> object:
        return [network.hidden(inputs[start : start + MICROBATCH]) for _ in range(shards) for start in starts]

    def in_order() -> object:
        shutil.rmtree("store", ignore_errors=True)
        store, made = Store.here(), []
        for number, clips in enumerate(open_clips("t17")):
            x = magvit2_tiny.preprocess(torch.from_numpy(clips.video))
            hidden = [network.hidden(x[start : start + MICROBATCH]).mean(dim=(3, 4)).mT for start in starts]
            data = encode_shard({"features": torch.cat(hidden).numpy()}, {"shard": clips.sha256})
            made.append(store.put(Store.key({"shard": number}), data))
        return made

    def one_by_one() -> object:
        clips = [torch.from_numpy(clip[None]) for clip in video]
        return [network.hidden(magvit2_tiny.preprocess(clip)) for _ in range(shards) for clip in clips]

    with torch.inference_mode():
        peers = {"the bare network": bare, "one after the other": in_order, "one clip at a time": one_by_one}
        yield from compared(
            "from shards to shards", ours, peers, unit="clips/s", items=count * shards, runs=1 if quick else 5
        )

    small = magvit2_tiny.build(magvit2_tiny.Architecture(4, (1, 1, 2), 0, 4))
    weights.save(weights.WEIGHTS / "small", small, {})
    taken = []
    for clips in (FEW // 8, FEW // 4) if quick else (FEW, MANY):
        generator, name = np.random.default_rng(0), str(clips)
        shapes = ((min(256, clips), 5, 32, 32, 3) for _ in range(0, clips, 256))
        write_clips(name, (generator.integers(0, 256, shape, dtype=np.uint8) for shape in shapes))
        of = values(NET | {"clips": name, "weights": "small"}, **SMALL)
        taken.append(memory_of(lambda of=of: extract(of, "trained")) / 1e6)  # type: ignore[misc]
    few, many = taken
    what = f"memory of features of {MANY:,} clips" if not quick else "memory of features"
    yield Row(what=what, value=many, unit="MB", peer=f"of {FEW:,}", peer_value=few, ratio=many / few if few else None)
