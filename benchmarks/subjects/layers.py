"""Features of several layers in one run, beside those of the deepest layer alone.

Each layer with two poolings, the deepest with one; processor time of one thread, since the two do the same but for
pooling.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from measure import Row, compared

from trajprobe.backbones.family import family
from trajprobe.features.tokens import Encoding
from trajprobe.rows import View

NARROW = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "use_mean_pooling": False}
#: By family: the architecture, what it has in small, the clips (t s s), and the layers, the deepest last.
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, int], tuple[str | int, ...]]] = {
    "magvit2_tiny": ({}, {}, (17, 32), ("hidden", "latents")),
    "transnetv2": ({}, {"filters": 2}, (9, 27), ("block1", "block2", "block3")),
    "videogpt": ({"resolution": 64}, {"n_hiddens": 8}, (16, 64), ("hidden", "latents", "codes", "histogram")),
    "open_magvit2": ({}, {"ch": 32}, (5, 32), ("hidden", "latents", "codes", "histogram")),
    "huggingface": ({"preset": "videomae-base"}, {"config": NARROW}, (16, 224), (*range(13), "last")),
}
POOLINGS = ("tmean", "tdiff")


def rows(*, quick: bool) -> Iterator[Row]:
    torch.set_num_threads(1)
    for name, (usual, small, (frames, side), layers) in NETWORKS.items():
        of = family(name)
        architecture = of.architecture(usual | (small if quick else {}), "rows.net")
        torch.manual_seed(0)
        network = of.build(architecture).eval()
        clips = 1 if quick or name == "huggingface" else 4
        side = 16 if quick and name == "open_magvit2" else side
        video = torch.randint(256, (clips, frames, side, side, 3), dtype=torch.uint8)
        every, deepest = (
            Encoding(of, architecture, tuple(View(layer, pooling) for layer in kept for pooling in poolings),
                     torch.float32, name)
            for kept, poolings in ((layers, POOLINGS), (layers[-1:], POOLINGS[:1]))
        )  # fmt: skip
        with torch.inference_mode():
            yield from compared(
                f"{name}, {len(layers)} layers",
                lambda every=every, network=network, video=video: every.features(network, video),  # type: ignore[misc]
                {
                    "the deepest alone": lambda deepest=deepest, network=network, video=video: deepest.features(  # type: ignore[misc]
                        network, video
                    )
                },
                runs=1 if quick else 5,
                clock=time.process_time,
            )
