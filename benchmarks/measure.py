"""What the benchmarks share: medians of interleaved runs, told as a ratio to a peer measured in the same run."""

import os
import platform
import statistics
import time
from collections.abc import Callable


def ratio(
    name: str,
    ours: Callable[[], object],
    peers: dict[str, Callable[[], object]],
    items: int,
    runs: int = 5,
    digits: int = 0,
) -> dict[str, float]:
    """Prints items a second of `ours` and of each peer, and ours as a multiple of the peer's; returns the rates."""
    seconds: dict[str, list[float]] = {name: [], **{peer: [] for peer in peers}}
    for _ in range(runs + 1):
        for label, function in {name: ours, **peers}.items():
            begun = time.perf_counter()
            function()
            seconds[label].append(time.perf_counter() - begun)
    rate = {label: items / statistics.median(times[1:]) for label, times in seconds.items()}  # the first warms up
    print(f"{name}: {rate[name]:,.{digits}f} a second")
    for peer in peers:
        print(f"  {peer}: {rate[peer]:,.{digits}f} a second; ours is {rate[name] / rate[peer]:.2f} times that")
    return rate


def machine() -> str:
    """The processor and how many of its cores there are to use."""
    with open("/proc/cpuinfo") as file:  # noqa: PTH123
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    return f"{model or platform.processor()}, {len(os.sched_getaffinity(0))} cores"
