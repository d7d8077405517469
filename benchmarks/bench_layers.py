"""python benchmarks/bench_layers.py: features of several layers in one run, beside those of the deepest layer alone.

In seconds of processor time, since the two do the same but for pooling.
"""

import statistics
import time
from typing import Any

import torch
from measure import machine

from trajprobe.backbones.family import family
from trajprobe.features.tokens import Encoding
from trajprobe.rows import View

THREADS, RUNS, CLIPS = 1, 5, 4
#: By family: the preset, the clips (t s s), and the layers, the deepest last; each with two poolings.
NETWORKS: dict[str, tuple[dict[str, Any], tuple[int, int], tuple[str | int, ...]]] = {
    "magvit2_tiny": ({}, (17, 32), ("hidden", "latents")),
    "transnetv2": ({}, (9, 27), ("block1", "block2", "block3")),
    "videogpt": ({"resolution": 64}, (16, 64), ("hidden", "latents", "codes", "histogram")),
    "open_magvit2": ({}, (5, 64), ("hidden", "latents", "codes", "histogram")),
    "huggingface": ({"preset": "videomae-base"}, (16, 224), (*range(13), "last")),
}
POOLINGS = ("tmean", "tdiff")


def seconds(encoding: Encoding, network: torch.nn.Module, video: torch.Tensor) -> float:
    begun = time.process_time()
    with torch.inference_mode():
        encoding.features(network, video)
    return time.process_time() - begun


torch.set_num_threads(THREADS)
print(f"Features of all layers with {' and '.join(POOLINGS)}; {THREADS} thread; {machine()}")
for name, (architecture_of, (frames, side), layers) in NETWORKS.items():
    of = family(name)
    architecture = of.architecture(architecture_of, "rows.net")
    torch.manual_seed(0)
    network = of.build(architecture).eval()
    clips = 1 if name == "huggingface" else CLIPS
    video = torch.randint(256, (clips, frames, side, side, 3), dtype=torch.uint8)
    every, deepest = (
        Encoding(of, architecture, tuple(View(layer, pooling) for layer in kept for pooling in poolings),
                 torch.float32, name)
        for kept, poolings in ((layers, POOLINGS), (layers[-1:], POOLINGS[:1]))
    )  # fmt: skip
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS + 1):
        for encoding, measured in zip((every, deepest), times, strict=True):
            measured.append(seconds(encoding, network, video))
    both, alone = (statistics.median(measured[1:]) for measured in times)  # the first warms up
    print(
        f"{name}: {len(layers)} layers {both / clips:.3f} s a clip, the deepest {alone / clips:.3f}: "
        f"{both / alone:.2f} times"
    )
