"""Calls that several processes work off, under one progress bar."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from joblib import cpu_count

from trajprobe.stage import end_with_parent, progress, workers

T = TypeVar("T")
#: In a worker: the calls, of which it receives the numbers.
_calls: Sequence[Callable[[], Any]] = ()


def run(calls: Sequence[Callable[[], T]], name: str) -> list[T]:
    """What the calls return, in their order, from `TRAJPROBE_WORKERS` processes (by default one a core).

    `name` stands before the progress bar. What a call raises is raised.
    """
    count = processes(len(calls))
    if count == 1:
        return list(progress((call() for call in calls), name, "parts", len(calls)))
    # Forked on Linux: a worker that imports scikit-learn anew takes longer for that than for a fold of a narrow row.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(count, context, _begin, (calls,)) as pool:
        return list(progress(pool.map(_call, range(len(calls))), name, "parts", len(calls)))


def processes(calls: int) -> int:
    """How many processes so many calls are worked off by."""
    return min(workers(cpu_count()), calls)


def _begin(calls: Sequence[Callable[[], Any]]) -> None:
    global _calls
    _calls = calls
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupted run ends at once, without a traceback of each
    end_with_parent()


def _call(number: int) -> Any:
    return _calls[number]()
