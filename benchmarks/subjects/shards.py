"""Shards of features into the store and out of it, and packed codes, beside numpy alone.

16.8 MB of features: ours are hashed, flushed to the disk and renamed when written, and verified when read, while
numpy's file is left to the system. Codes are of 5,000 clips of 5 x 128 x 128 through Open-MAGVIT2: 512 numbers of
18 bits each; numpy's own bits take a byte for each before they are packed.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import Row, compared

from trajprobe.features.tokens import pack, unpack
from trajprobe.files.shards import decode_shard, encode_shard
from trajprobe.files.store import Store

BITS = 18


def rows(*, quick: bool) -> Iterator[Row]:
    runs, clips, coded = (1, 8, 20) if quick else (7, 512, 5_000)
    store, path, recipe = Store.here(), Path("plain.npy"), {"n": 0}
    features = np.random.default_rng(0).normal(size=(clips, 16, 512)).astype(np.float32)
    megabytes = features.nbytes / 1e6

    def put() -> object:
        recipe["n"] += 1
        return store.put(Store.key(recipe), encode_shard({"features": features}, recipe))

    def get() -> object:
        entry = store.get(Store.key(recipe))
        assert entry
        return decode_shard(entry.path.read_bytes())["features"].sum()

    yield from compared(
        "written", put, {"numpy.save": lambda: np.save(path, features)}, unit="MB/s", items=megabytes, runs=runs
    )
    yield from compared(
        "read", get, {"numpy.load": lambda: np.load(path).sum()}, unit="MB/s", items=megabytes, runs=runs
    )
    codes = np.random.default_rng(0).integers(0, 2**BITS, (coded, 2, 16, 16))
    packed = pack(codes, BITS)

    def bits() -> object:
        return np.packbits((codes.reshape(coded, -1, 1) >> np.arange(BITS) & 1).astype(np.uint8).reshape(coded, -1), 1)

    yield from compared("codes packed", lambda: pack(codes, BITS), {"numpy's packbits": bits}, unit="clips/s",
                        items=coded, runs=min(runs, 3))  # fmt: skip
    yield from compared("codes unpacked", lambda: unpack(packed, BITS, codes.shape[1:]), unit="clips/s", items=coded,
                        runs=min(runs, 3))  # fmt: skip
    shard = encode_shard({"codes": packed[:256], "shape": np.array(codes.shape[1:])}, {"recipe": "x" * 1500})
    size, smallest = len(shard) / len(packed[:256]), codes[0].size * BITS / 8
    yield Row(what="a clip's codes in a shard", value=size, unit="bytes", peer="its bits", peer_value=smallest,
              ratio=size / smallest)  # fmt: skip
