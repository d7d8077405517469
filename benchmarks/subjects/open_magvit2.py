"""Open-MAGVIT2's encoder, beside the composition of torch's layers that upstream has.

The published shape, 1,357 GFLOP for a clip of 5 x 128 x 128 as upstream computes it (the taps on zero frames included).
*Processor time* is that of all threads. The loaded machine is one on which another process keeps a core busy. GFLOP/s
count what our encoder has to compute, a filtered convolution as a whole one; the matrix product is torch's own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from measure import Row, compared, memory_of
from plain_open_magvit2 import PlainEncoder

from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.features import forecast

SIDE = 128
#: Side of the matrices whose product is the CPU's limit.
MATRIX = 2048


@contextmanager
def busy() -> Iterator[None]:
    """Another process keeps a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def cost(channels: int, frames: int, side: int) -> forecast.Cost:
    with torch.device("meta"):
        bare = OpenMagvit2(channels)
    return forecast.cost(lambda video: [bare.encode(video.movedim(-1, 1).float())], (frames, side, side))


def matrix_product(threads: int, *, quick: bool) -> float:
    """GFLOP/s of torch's matrix product in float32, the highest of some runs."""
    torch.set_num_threads(threads)
    side = 64 if quick else MATRIX
    square = torch.randn(side, side)
    fastest = 0.0
    for _ in range(2 if quick else 8):
        begun = time.perf_counter()
        square @ square
        fastest = max(fastest, 2 * side**3 / (time.perf_counter() - begun) / 1e9)
    return fastest


def rows(*, quick: bool) -> Iterator[Row]:
    channels, side, runs = (32, 16, 1) if quick else (128, SIDE, 3)
    torch.manual_seed(0)
    network = OpenMagvit2(channels).eval().requires_grad_(False)
    plain = PlainEncoder(channels).eval()
    plain.load_state_dict(network.encoder.state_dict())
    with torch.inference_mode():
        for frames in (5, 17):
            smaller = side // 2 if frames > 5 and not quick else side  # 5 TFLOP a clip otherwise
            x = torch.rand(1, 3, frames, smaller, smaller) * 2 - 1
            clip, of = f"{frames} x {smaller} x {smaller}", cost(channels, frames, smaller)
            torch.set_num_threads(2)
            taken = memory_of(lambda x=x: network.encode(x))  # type: ignore[misc]
            yield Row(what=f"memory of a clip of {clip}, beside the weights", value=taken / 1e6, unit="MB",
                      peer="forecast", peer_value=of.memory / 1e6, ratio=taken / of.memory)  # fmt: skip
            latents = network.encode(x)
            peer = plain(x)
            codes, others = network.codes(latents), network.codes(peer)
            yield Row(what=f"codes of {codes.numel()} that differ, {clip}", value=int((codes != others).sum()), unit="",
                      at_most=0, note=f"latents by {float((latents - peer).abs().max()):.0e} at most")  # fmt: skip

            def encode(x: torch.Tensor = x) -> object:
                return network.encode(x)

            def compose(x: torch.Tensor = x) -> object:
                return plain(x)

            def against(what: str, clip: str = clip, runs: int = runs, **further: Any) -> list[Row]:
                clock = time.process_time if "processor" in what else time.perf_counter
                peers = {"upstream's composition": compose}
                return compared(f"{what}, {clip}", encode, peers, unit="clips/s", items=1, runs=runs, clock=clock,
                                warm_up=0, **further)  # fmt: skip

            torch.set_num_threads(1)
            (alone,) = against("one thread, processor time", at_least=1.3)
            yield alone
            fastest = matrix_product(1, quick=quick)
            reached = (alone.value or 0) * of.flop / 1e9
            yield Row(what=f"GFLOP/s of one thread, {clip}", value=reached, unit="GFLOP/s", peer="matrix product",
                      peer_value=fastest, ratio=reached / fastest)  # fmt: skip
            torch.set_num_threads(2)
            yield from against("two threads")
            if frames == 5:
                with busy():
                    yield from against("two threads, loaded machine", at_least=1)
