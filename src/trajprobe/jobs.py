"""trajprobe repro --jobs N: what `dvc repro` does, with stages that don't need one another side by side.

DVC runs one stage at a time, but several `dvc --wait-for-lock repro --single-item STAGE` may run beside one another:
they let go of the repository's lock while their command runs, and take turns to write dvc.lock and git's index. What
is missing is the order, and that is kept here. DVC itself decides whether a stage has to run; a plain `dvc repro` at
the end confirms that nothing was missed.
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from typing import IO, cast

from dvc.exceptions import DvcException
from dvc.repo import Repo

# What the command `dvc repro` calls for its own plan. The documented commands (`dvc dag`, `dvc status`) tell neither
# which stages are frozen nor the order, and each costs another start of DVC; dvc.api knows no stages.
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.utils.serialize import modify_yaml
from joblib import cpu_count

from trajprobe.dvc_cache import LOCK, locked
from trajprobe.dvc_command import DVC, show
from trajprobe.params import UserError
from trajprobe.tracking import check_top

#: Seconds without a line after which the state of a progress bar is told.
QUIET = 10.0
#: Seconds that interrupted stages have to end by themselves.
GRACE = 10.0
#: What DVC adds to each stage.
ADVICE = "Use `dvc push` to send your updates to remote storage."


def repro(told: str, tell: Callable[[str], None]) -> None:
    """Brings all stages up to date, up to `told` (a number, as typed) at a time; `tell` prints a line.

    Raises:
        UserError: that is no number, DVC can't read the pipeline, or stages failed; what doesn't need those has run.
    """
    if not (told.isdecimal() and int(told)):
        raise UserError(f"--jobs: got {told!r}, expected a number of stages to run at a time, 1 or more")
    check_top()
    jobs = int(told)
    try:
        plan, graph = _plan()
        before = list(locked())
        if graph:
            tell(f"{len(graph)} of {len(plan)} stages changed or need one that did; up to {jobs} at a time")
        with _signals():
            failed = side_by_side(graph, _command, jobs, tell, os.environ | _share(jobs))
        _order(plan, before)
    except DvcException as error:
        raise UserError(f"dvc: {' '.join(str(error).split())}; mend it (`dvc status` may tell more)") from None
    if failed:
        lost = _needing(graph, failed)
        left_out = f"; left out, since they need these: {', '.join(lost)}" if lost else ""
        raise UserError(
            f"{len(failed)} of {len(graph)} stages failed: {', '.join(failed)}{left_out}; "
            f"the reasons stand above and in logs/; mend them and run this again"
        )
    if status := show("repro"):
        raise UserError(f"dvc repro: ended with status {status} after all stages had run; the reason stands above")


def _plan() -> tuple[list[str], dict[str, list[str]]]:
    """All that `dvc repro` would look at, in its order, and of these what may have to run, with what each waits for.

    That is what changed and what needs something that did. Only there is a start of DVC worth its second.
    """
    with Repo(".") as repo, repo.lock:
        active = get_active_graph(repo.index.graph)  # a frozen stage waits for nothing
        steps = plan_repro(active, repo.stage.collect("dvc.yaml"))
        graph: dict[str, list[str]] = {}
        for stage in steps:  # what it needs came before it
            needs = [need.addressing for need in active.successors(stage) if need.addressing in graph]
            if needs or stage.changed():
                graph[stage.addressing] = needs
        return [stage.addressing for stage in steps], graph


def _command(stage: str) -> Sequence[str]:
    return [*DVC, "--wait-for-lock", "repro", "--single-item", stage]


def _share(jobs: int) -> dict[str, str]:
    """Each job's share of the cores, by default the number of processes that probe; and output a line at a time."""
    return {"LOKY_MAX_CPU_COUNT": str(max(1, cpu_count() // jobs)), "PYTHONUNBUFFERED": "1"}


def _needing(graph: Mapping[str, Collection[str]], failed: Collection[str]) -> list[str]:
    """What needs any of `failed`, of itself or by way of others, in the order of `graph`."""
    lost: list[str] = []
    for stage, needs in graph.items():
        if any(need in failed or need in lost for need in needs):
            lost.append(stage)
    return lost


def _order(plan: list[str], before: list[str]) -> None:
    """Brings the entries that are new in dvc.lock, which stand as their stages ended, into the order of `dvc repro`.

    Otherwise two runs would give two files. Old entries keep their places, as DVC keeps them.
    """
    places = {stage: place for place, stage in enumerate(dict.fromkeys([*before, *plan]))}
    now = list(locked())
    order = sorted(now, key=lambda stage: places.get(stage, len(places)))
    if order == now:
        return
    with Repo(".") as repo, repo.lock, repo.scm_context(quiet=True) as context:
        with modify_yaml(LOCK) as data:
            stages = data["stages"]
            for stage in order:
                stages[stage] = stages.pop(stage)
        context.track_file(str(LOCK))  # for core.autostage


@contextmanager
def _signals() -> Iterator[None]:
    """Makes a terminal that closes, and a `kill`, what Ctrl-C is: children in sessions of their own would go on."""
    old = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@dataclass
class Lines:
    """What one process writes, told in whole lines that begin with its name; of progress bars, a state now and then."""

    name: str
    tell: Callable[[str], None]
    _rest: bytes = b""
    _last: float = field(default_factory=lambda: time.monotonic())

    def feed(self, chunk: bytes) -> None:
        *pieces, self._rest = re.split(rb"(?<=[\r\n])", self._rest + chunk)
        for piece in pieces:
            self._piece(piece, bar=piece.endswith(b"\r"))

    def end(self) -> None:
        self._piece(self._rest, bar=False)

    def _piece(self, piece: bytes, *, bar: bool) -> None:
        text = piece.decode(errors="replace").rstrip()
        if not text or text == ADVICE or (bar and time.monotonic() - self._last < QUIET):
            return
        self._last = time.monotonic()
        self.tell(f"{self.name} | {text}")


def side_by_side(
    graph: Mapping[str, Collection[str]],
    command: Callable[[str], Sequence[str]],
    jobs: int,
    tell: Callable[[str], None],
    environment: Mapping[str, str],
) -> list[str]:
    """Runs `command(name)` for each name of `graph` after all that it maps to, up to `jobs` at a time.

    A failure stops only what needs it. Returns the names that failed. However it is left, no process is.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    places = {name: place for place, name in enumerate(graph)}
    ready: list[str] = []
    failed: list[str] = []
    running: dict[str, subprocess.Popen[bytes]] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                ready = sorted([*ready, *sorter.get_ready()], key=places.__getitem__)
                while ready and len(running) < jobs:
                    name = ready.pop(0)
                    running[name] = process = _start(command(name), environment)
                    selector.register(_pipe(process), selectors.EVENT_READ, Lines(name, tell))
                if not running:
                    return failed
                for key, _ in selector.select():
                    if chunk := os.read(key.fd, 1 << 16):
                        key.data.feed(chunk)
                        continue
                    key.data.end()
                    selector.unregister(key.fileobj)
                    _pipe(process := running[key.data.name]).close()
                    if process.wait():
                        failed.append(key.data.name)
                    else:
                        sorter.done(key.data.name)
                    del running[key.data.name]
        finally:
            _end(running.values())


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that the process and all that it started can be ended together."""
    return subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast(IO[bytes], process.stdout)  # made by `_start`


def _end(processes: Collection[subprocess.Popen[bytes]]) -> None:
    """Interrupts them, as Ctrl-C would; kills what is left of them after `GRACE`, or at a second Ctrl-C."""
    signals = partial(_signal_all, processes)
    signals(signal.SIGINT)
    until = time.monotonic() + GRACE
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
    finally:
        signals(signal.SIGKILL)
        for process in processes:
            process.wait()
            _pipe(process).close()


def _signal_all(processes: Collection[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # ended, with all that it started
            os.killpg(process.pid, number)
