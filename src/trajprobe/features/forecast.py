"""What a run will cost, before it starts: arithmetic, memory, time and bytes on disk."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from trajprobe.backbones.parts.activations import Activations
from trajprobe.files import memory
from trajprobe.stage import duration

GIB = 2**30


@dataclass(frozen=True)
class Cost:
    """Of one clip."""

    flop: int  #: floating-point operations, 2 for each multiply-accumulate
    memory: int  #: bytes of activations alive at once, at most
    shapes: tuple[tuple[int, ...], ...]  #: of its features, of each view
    weights: int = 0  #: bytes of the network's weights


def cost(features: Callable[[Tensor], Sequence[Tensor]], clip: tuple[int, int, int]) -> Cost:
    """The cost of `features`, of a network on torch's meta device, of one clip (t h w). Nothing is computed there."""
    video = torch.empty(1, *clip, 3, dtype=torch.uint8, device="meta")
    activations, arithmetic = Activations(), FlopCounterMode(display=False)
    with torch.no_grad(), activations, arithmetic:
        shapes = tuple(tuple(of_view.shape[1:]) for of_view in features(video))
    return Cost(arithmetic.get_total_flops(), activations.peak, shapes)


def check_memory(of: Cost, clips: int, where: str, remedy: str, processes: int = 1) -> None:
    """Refuses what does not fit into the memory of this machine: in each process a network, and so many clips at once.

    Raises:
        UserError: what it needs, and what the machine has; `where` begins the message, `remedy` ends it.
    """
    memory.require(processes * (of.weights + clips * of.memory), where, remedy, memory.total())


def microbatch(of: Cost, most: int, room: float, clips: int) -> int:
    """How many clips go through the network at once: at most `most`, and what `room` (GiB) takes.

    It depends on the shape of the network and of the clips, never on the machine: the last bits depend on it.
    """
    fitting = max(1, int(room * GIB // max(1, of.memory)))
    return min(most, 1 << (fitting.bit_length() - 1), clips)  # powers of 2 fill a shard without a rest


def seconds_a_clip(run: Callable[[int], object], size: int) -> float:
    """Measured: `run(n)` puts n clips through the network and waits for the result."""
    begun = time.perf_counter()
    run(1)
    if (first := time.perf_counter() - begun) > 1:
        return first  # hours are ahead: not worth more of them
    run(size)
    begun = time.perf_counter()
    run(size)
    return (time.perf_counter() - begun) / size


def summary(of: Cost, size: int, clips: int, networks: int, seconds: float) -> str:
    """The forecast in a line."""
    times = f"{networks} x " if networks > 1 else ""
    total = clips * networks
    features = 4 * total * sum(map(prod, of.shapes))
    return (
        f"{times}{clips:,} clips of {of.flop / 1e9:,.1f} GFLOP, {size} at once ({size * of.memory / GIB:.2f} GiB of "
        f"activations), at the measured {_digits(of.flop / seconds / 1e9)} GFLOP/s: {duration(seconds * total)}; "
        f"{shapes(of)} features a clip, {features / 1e6:,.1f} MB"
    )


def shapes(of: Cost) -> str:
    """Of a clip's features, each once: `5 x 32`, `5 x 32 and 1 x 64`."""
    return " and ".join(" x ".join(map(str, shape)) for shape in dict.fromkeys(of.shapes))


def _digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
