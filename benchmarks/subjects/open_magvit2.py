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


class Pair:
    """Our encoder and the composition, with the same weights, on a clip of random pixels."""

    def __init__(self, networks: tuple[OpenMagvit2, PlainEncoder], frames: int, side: int) -> None:
        self.network, self.plain = networks
        self.x = torch.rand(1, 3, frames, side, side) * 2 - 1
        self.clip = f"{frames} x {side} x {side}"

    def ours(self) -> torch.Tensor:
        return self.network.encode(self.x)

    def composed(self) -> torch.Tensor:
        out: torch.Tensor = self.plain(self.x)
        return out

    def compared(self, what: str, threads: int, runs: int, **further: Any) -> Row:
        torch.set_num_threads(threads)
        clock = time.process_time if "processor" in what else time.perf_counter
        peers = {"upstream's composition": self.composed}
        (row,) = compared(f"{what}, {self.clip}", self.ours, peers, unit="clips/s", items=1, runs=runs, clock=clock,
                          warm_up=0, **further)  # fmt: skip
        return row

    def parity(self) -> Row:
        latents, peer = self.ours(), self.composed()
        codes, others = self.network.codes(latents), self.network.codes(peer)
        note = f"latents by {float((latents - peer).abs().max()):.0e} at most"
        what, differ = f"codes of {codes.numel()} that differ, {self.clip}", int((codes != others).sum())
        return Row(what=what, value=differ, unit="", at_most=0, note=note)


def rows(*, quick: bool) -> Iterator[Row]:
    channels, side = (32, 16) if quick else (128, SIDE)
    torch.manual_seed(0)
    network, plain = OpenMagvit2(channels).eval().requires_grad_(False), PlainEncoder(channels).eval()
    plain.load_state_dict(network.encoder.state_dict())
    with torch.inference_mode():
        # 17 frames of 128 x 128 would be 5 TFLOP a clip.
        for frames, width, runs in ((5, side, 3), (17, max(side // 2, 16), 2)):
            pair, of = Pair((network, plain), frames, width), cost(channels, frames, width)
            torch.set_num_threads(2)
            taken = memory_of(pair.ours)
            yield Row(what=f"memory of a clip, {pair.clip}", value=taken / 1e6, unit="MB", peer="forecast",
                      peer_value=of.memory / 1e6, ratio=taken / of.memory)  # fmt: skip
            yield pair.parity()
            alone = pair.compared("one thread, processor time", 1, 1 if quick else runs, at_least=1.3)
            yield alone
            fastest, reached = matrix_product(1, quick=quick), (alone.value or 0) * of.flop / 1e9
            yield Row(what=f"one thread, {pair.clip}", value=reached, unit="GFLOP/s", peer="matrix product",
                      peer_value=fastest, ratio=reached / fastest)  # fmt: skip
        yield Pair((network, plain), 5, side).compared("two threads", 2, 1 if quick else 2)
        with busy():
            smaller = Pair((network, plain), 5, max(side // 2, 16))
            yield smaller.compared("two threads, loaded machine", 2, 1 if quick else 5, at_least=1)
