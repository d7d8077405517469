"""What the benchmarks share: rows of the table, timed in interleaved pairs, and the machine."""

import ctypes
import math
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
#: Versions of what decides how fast it all is.
PACKAGES = ("torch", "numpy", "scikit-learn", "transformers", "dvc")
Timed = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, beside that of a peer which was measured in turns with it."""

    what: str
    value: float | None  #: the median, in `unit`
    unit: str
    peer: str = ""
    peer_value: float | None = None  #: in `unit`; None where there is no peer, or it is not installed
    ratio: float | None = None  #: the median of value / peer_value over the pairs
    spread: tuple[float, float] | None = None  #: the lowest and highest of these ratios; without a peer, of the values
    at_least: float | None = None  #: the goal that an issue names: of the ratio; without a peer, of the value
    at_most: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or nothing to hold it against."""
        reached = self.ratio if self.peer else self.value
        if reached is None or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or reached >= self.at_least) and (self.at_most is None or reached <= self.at_most)


def in_turns(functions: Mapping[str, Timed], runs: int, clock: Callable[[], Any], warm_up: int) -> dict[str, list[Any]]:
    """What a clock says of each run of each function: they run in turns, in an order reversed from round to round."""
    taken: dict[str, list[Any]] = {name: [] for name in functions}
    for number in range(-warm_up, runs):
        for name in list(functions)[:: -1 if number % 2 else 1]:
            begun = clock()
            functions[name]()
            if number >= 0:
                taken[name].append(clock() - begun)
    return taken


def compared(
    what: str,
    ours: Timed,
    peers: Mapping[str, Timed | None] | None = None,
    *,
    unit: str = "s",
    items: float | None = None,
    runs: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: int = 1,
    note: str = "",
    **further: Any,
) -> list[Row]:
    """A row for each peer, or one where there is none; None for a peer says that it is not installed.

    Args:
        items: How many things a run handles: the row is their rate then, in `unit`; without it, seconds.
        further: Fields of `Row` for the first of the rows.
    """
    peers = peers or {}
    there = {name: peer for name, peer in peers.items() if peer}
    taken = in_turns({"": ours, **there}, runs, clock, warm_up)

    def value(seconds: float) -> float:
        return items / seconds if items is not None else seconds

    values = {name: [value(seconds) for seconds in times] for name, times in taken.items()}
    own = values.pop("")
    rows = [
        paired(what, own, name, values[name], unit)
        if name in there
        else Row(what=what, value=statistics.median(own), unit=unit, peer=name, note="not installed")
        for name in peers
    ] or [Row(what=what, value=statistics.median(own), unit=unit, spread=(min(own), max(own)))]
    rows[0] = replace(rows[0], note="; ".join(filter(None, (rows[0].note, note))), **further)
    return rows


def paired(what: str, own: list[float], peer: str, others: list[float], unit: str, **further: Any) -> Row:
    """The row of values of ours and of a peer, measured in pairs."""
    ratios = [one / other for one, other in zip(own, others, strict=True)]
    return Row(
        what=what,
        value=statistics.median(own),
        unit=unit,
        peer=peer,
        peer_value=statistics.median(others),
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
        **further,
    )


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The k of value = a size^k, fitted by least squares of the logarithms."""
    logarithms = [[math.log(number) for number in numbers] for numbers in (sizes, values)]
    return statistics.linear_regression(*logarithms).slope


def peak_bytes() -> int:
    """The most memory that this process had, without what the process took that started it, which getrusage counts."""
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


def memory_of(function: Timed) -> int:
    """Bytes by which this process grows at most while a function runs, beside what it held before.

    What the allocator keeps of memory that was freed goes back to the system first: a function that took it again would
    seem to take none.
    """
    ctypes.CDLL(None).malloc_trim(0)
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what it is now
    function()
    return peak_bytes() - before


def children_seconds() -> float:
    """Processor time of the processes that this one started, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(*command: object, **further: Any) -> str:
    """What a command prints; its errors are shown, and fail."""
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False, **further)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def machine() -> str:
    """The processor and how many of its cores there are to use."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {cores()} cores"
    return f"{platform.processor()}, {cores()} cores"


def cores() -> int:
    return len(os.sched_getaffinity(0))


def of_machine() -> dict[str, str]:
    """What a table says of the machine that it was measured on."""
    return {
        "processor": machine(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
    }
