"""python benchmarks/bench_open_magvit2.py: the official encoder on clips of 5 x 128 x 128, random weights.

On the CPU, beside a plain composition of torch's layers that computes the same latents. GPUs: gpu.py.
"""

import resource

import torch
from measure import machine, ratio
from plain_open_magvit2 import PlainEncoder
from torch import Tensor

from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.features import forecast

THREADS, CLIPS, FRAMES, SIDE = 2, 2, 5, 128
PLAIN_GFLOP = 1356.7  # a clip, the taps on zero frames included


def memory() -> float:
    """The most GB that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def on_the_cpu(network: OpenMagvit2, x: Tensor) -> None:
    before = memory()
    with torch.inference_mode():
        latents = network.encode(x)
    print(f"encoding {CLIPS} clips at once takes {memory() - before:.2f} GB beside the weights; forecast {GB:.2f} GB")
    plain = PlainEncoder().eval()
    plain.load_state_dict(network.encoder.state_dict())
    with torch.inference_mode():
        peer = plain(x)
        differ = int((network.codes(latents) != network.codes(peer)).sum())
        furthest = float((latents - peer).abs().max())
        print(
            f"codes that differ from the plain composition's: {differ} of {peer[:, 0].numel()}; latents {furthest:.1e}"
        )
        rate = ratio("encode", lambda: network.encode(x), {"plain": lambda: plain(x)}, CLIPS, runs=3, digits=3)
    gflop = {"encode": COST.flop / 1e9, "plain": PLAIN_GFLOP}
    told = [f"{name} {gflop[name] * rate[name]:.0f} of {gflop[name]:,.1f} a clip" for name in rate]
    print(f"GFLOP/s: {', '.join(told)} (a filtered convolution counted as a whole one)")


torch.set_num_threads(THREADS)
torch.manual_seed(0)
with torch.device("meta"):
    bare = OpenMagvit2()
COST = forecast.cost(lambda video: [bare.encode(video.movedim(-1, 1).float())], (FRAMES, SIDE, SIDE))
GB = CLIPS * COST.memory / 1e9
network = OpenMagvit2().eval().requires_grad_(False)
x = torch.rand(CLIPS, 3, FRAMES, SIDE, SIDE) * 2 - 1
print(f"Open-MAGVIT2's encoder, {CLIPS} clips of {FRAMES} x {SIDE} x {SIDE}, in clips; {THREADS} threads; {machine()}")
on_the_cpu(network, x)
