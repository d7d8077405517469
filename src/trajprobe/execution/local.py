"""Shards made on this machine: in this process, or by several worker processes.

When a worker process dies, the run ends at once. Nothing is lost but the shards that were being made: all finished
ones are in the store, and the next run makes the rest.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from trajprobe.errors import UserError
from trajprobe.execution.work import Maker, Outcome, Outcomes, ReportProgress, Task, Work, serve
from trajprobe.files.store import Store
from trajprobe.stage import WORKER, end_with_parent

T = TypeVar("T")
M = TypeVar("M", bound=Maker)


class Local:
    """Runs work in this process, or in up to `workers` processes."""

    def __init__(self, store: Store, workers: int) -> None:
        self.store, self.workers = store, workers
        self._opened: tuple[Work[Any], Any] | None = None

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The result of `question(maker)`, where `maker` is what `work.open()` loaded; here, in this process."""
        return question(self._maker(work))

    def run(self, work: Work[Any], tasks: Sequence[Task], report_progress: ReportProgress) -> Outcomes:
        """The outcome of each task, of one or more, in the order in which they end.

        Raises:
            UserError: a worker process died, or the work can't be opened.
        """
        count = min(self.workers, len(tasks))
        if count == 1:
            return serve(self._maker(work), tasks, self.store, report_progress)
        self._opened = None  # each worker loads its own
        return _in_workers(count, work, tasks, self.store, report_progress)

    def _maker(self, work: Work[M]) -> M:
        if self._opened is None or self._opened[0] is not work:
            self._opened = None  # before the next one is loaded: two large networks may not fit into memory
            self._opened = work, work.open()
        maker: M = self._opened[1]
        return maker


def _in_workers(
    count: int, work: Work[Any], tasks: Sequence[Task], store: Store, report_progress: ReportProgress
) -> Outcomes:
    """The outcome of each task, made by `count` worker processes; progress is reported once for each shard."""
    context = multiprocessing.get_context("spawn")
    workers = context.SimpleQueue()
    for number in range(count):
        workers.put(number)
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(count, context, _start_worker, (work, store, workers)) as pool:
        # At most one task for each worker, so that the unfinished ones are those that are being made.
        remaining = iter(tasks)
        running = {pool.submit(_make, task): task for task in islice(remaining, count)}
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    del running[future]
                    running |= {pool.submit(_make, task): task for task in islice(remaining, 1)}
                    if outcome.shards:
                        report_progress(outcome.task.clips)
                    yield outcome
        except BrokenProcessPool:
            numbers = ", ".join(str(task.number) for task in running.values())
            raise UserError(
                f"a worker process died (a crash, or too little memory) while these shards were being made: {numbers}; "
                "finished shards are kept: run again to make the rest, with a smaller TRAJPROBE_WORKERS if memory was "
                "short"
            ) from None
        finally:
            if running:  # the run failed or was interrupted: don't wait for shards that nobody will use
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()


#: In a worker process: its executor, and the work of its run.
_worker: tuple[Local, Work[Any]]


def _start_worker(work: Work[Any], store: Store, workers: "SimpleQueue[int]") -> None:
    """Prepares a worker process; the work is opened with its first task, so that an error reaches the caller."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends the workers
    end_with_parent()
    os.environ[WORKER] = str(workers.get())
    _worker = Local(store, 1), work


def _make(task: Task) -> Outcome:
    executor, work = _worker
    (outcome,) = executor.run(work, [task], lambda _: None)
    return outcome
