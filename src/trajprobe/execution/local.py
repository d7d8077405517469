"""Shards made on this machine: in this process, or by several workers, each a process of its own."""

import logging
import multiprocessing
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from trajprobe.errors import UserError
from trajprobe.execution.work import Done, Maker, Task, Work, serve
from trajprobe.files.store import Store

T = TypeVar("T")
M = TypeVar("M", bound=Maker)
#: How often a shard is begun whose process dies.
ATTEMPTS = 3
log = logging.getLogger("trajprobe")


class Local:
    """Runs work in this process, or in as many others as there are `workers`."""

    def __init__(self, store: Store, workers: int) -> None:
        self.store, self.workers = store, workers
        self._open: tuple[Work[Any], Maker] | None = None

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The answer of what makes the shards."""
        return question(self._maker(work))

    def run(self, work: Work[Any], tasks: Sequence[Task], tell: Callable[[int], object]) -> Iterator[Done]:
        """Each task as it comes to its end; `tell` hears how many more clips are done."""
        count = min(self.workers, len(tasks))
        if count == 1:
            yield from serve(self._maker(work), tasks, self.store, tell)
        elif count:
            self._open = None  # the workers have their own
            yield from _Processes(work, self.store, tell).run([tasks[first::count] for first in range(count)])

    def _maker(self, work: Work[M]) -> M:
        if self._open is None or self._open[0] is not work:
            self._open = None  # before the next one: a big network is not held twice
            self._open = (work, work.open())
        maker: Any = self._open[1]
        found: M = maker
        return found


@dataclass
class _Worker:
    """A process, and those of its tasks that are not done yet, in their order."""

    number: int
    process: SpawnProcess
    left: list[Task]
    ready: bool = False


class _Processes:
    """Workers that are started again when they die, unless it is always the same shard that kills them."""

    def __init__(self, work: Work[Any], store: Store, tell: Callable[[int], object]) -> None:
        self.work, self.store, self.tell = work, store, tell
        self.running: dict[Connection, _Worker] = {}
        self.deaths = Counter[int | None]()

    def run(self, shares: Sequence[Sequence[Task]]) -> Iterator[Done]:
        try:
            for number, share in enumerate(shares):
                self._start(number, list(share))
            while self.running:
                for connection in wait(list(self.running)):
                    yield from self._hear(connection)  # type: ignore[arg-type] # only connections are waited for
        finally:
            for worker in self.running.values():
                worker.process.terminate()
            for worker in self.running.values():
                worker.process.join()

    def _start(self, number: int, tasks: list[Task]) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(self.work, tasks, self.store, number, theirs), daemon=True)
        process.start()
        theirs.close()  # or its end would never show
        self.running[ours] = _Worker(number, process, tasks)

    def _hear(self, connection: Connection) -> Iterator[Done]:
        worker = self.running[connection]
        try:
            message = connection.recv()
        except EOFError:
            worker.process.join()
            del self.running[connection]
            yield from self._ended(worker)
            return
        if isinstance(message, int):
            self.tell(message)
        elif isinstance(message, Done):
            worker.left.remove(message.task)
            yield message
        elif message is None:
            worker.ready = True
        else:
            raise message

    def _ended(self, worker: _Worker) -> Iterator[Done]:
        if not worker.left:
            return
        blamed = worker.left[0] if worker.ready else None
        died = f"its process died ({_reason(worker.process.exitcode)})"
        log.warning("worker %d: %s", worker.number, died)
        self.deaths[blamed.number if blamed else None] += 1
        if blamed is None and self.deaths[None] >= ATTEMPTS:
            raise UserError(f"workers: {died} {ATTEMPTS} times before it began; set TRAJPROBE_WORKERS to fewer")
        if blamed and self.deaths[blamed.number] >= ATTEMPTS:
            yield Done(worker.left.pop(0), None, f"{died} {ATTEMPTS} times")
        if worker.left:
            self._start(worker.number, worker.left)


def _work(work: Work[Any], tasks: list[Task], store: Store, number: int, connection: Connection) -> None:
    """What a worker does; it sends None when it is ready, then numbers of clips, and what is done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who waits for it ends it
    if os.environ.get("TRAJPROBE_DEVICE") == "cuda":
        os.environ["TRAJPROBE_DEVICE"] = f"cuda:{number}"  # one GPU each
    try:
        maker = work.open()
        connection.send(None)
        for done in serve(maker, tasks, store, connection.send):
            connection.send(done)
    except BrokenPipeError:  # nobody waits any more
        return
    except (UserError, OSError) as error:  # of the user's making, or a disk's
        connection.send(error)
    except Exception:  # noqa: BLE001 (whatever it is, it is raised again where it is waited for)
        connection.send(RuntimeError(traceback.format_exc()))


def _reason(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"status {status}"
