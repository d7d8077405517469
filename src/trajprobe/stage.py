"""What every stage script does around its work: pins the arithmetic, keeps a log, ends with 2 on a user's mistake."""

import inspect
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from msgspec import Meta

from trajprobe.errors import STATUS, UserError, end_with_dvc, interruptible, system_reason, visible
from trajprobe.params import Parameters, check_name, read, section
from trajprobe.run_parameters import unchanged_parameters

#: Set before numpy and torch are imported. OpenBLAS would choose its kernels by the CPU, and is fastest with one
#: thread for matrices as small as a probe's; MKL and OpenMP would take fewer threads on a machine with fewer cores.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
FIXED = {"OPENBLAS_NUM_THREADS": "1", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "FALSE"}
INSTRUCTION_SETS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "native": {},
}
WORKERS = "TRAJPROBE_WORKERS"
#: In a worker process of this machine: its number, from 0.
WORKER = "TRAJPROBE_WORKER"
#: `trajprobe cache prune` deletes nothing but shards that a run computes again.
DISK_FULL = (
    "finished shards are kept; free disk space, for example by `trajprobe cache prune --days 0`, then run again "
    "(`trajprobe doctor` mends what was cut short)"
)
#: Seconds: before a bar is drawn, from one drawing to the next, and from line to line where there is no terminal.
QUICK, FRAME, LINE = 1.0, 0.1, 60.0
T = TypeVar("T")
#: What the end of a stage's work closes, before its result is reported.
cleanup = ExitStack()


class Compute(Parameters, frozen=True):
    """How the numbers are computed: both change the last bits, so both are part of every recipe."""

    threads: Annotated[int, Meta(ge=1, le=1024)]
    instruction_set: Literal["avx2", "native"]


def pin(compute: Compute) -> None:
    """Fixes threads and instruction set for this process.

    Raises:
        RuntimeError: numpy or torch is imported already, and would not notice.
    """
    late = [name for name in ("numpy", "torch") if name in sys.modules]
    if late:
        raise RuntimeError(f"pin() came after the import of {', '.join(late)}")
    os.environ.update(dict.fromkeys(THREADS, str(compute.threads)) | FIXED | INSTRUCTION_SETS[compute.instruction_set])
    os.environ.setdefault("TQDM_MININTERVAL", "0.5")


def run(main: Callable[..., str]) -> None:
    """Runs a stage's `main(*arguments)`, which imports its rooms itself (after the pin) and returns a line to print.

    The log, with the traceback of an error, goes to logs/STAGE-ARGUMENTS.log. A `UserError` is one line
    on standard error and status 2; Ctrl-C, SIGTERM and the end of the DVC that started the stage are one line and
    status 130.
    """
    name = Path(sys.argv[0]).stem
    arguments = [argument.rpartition("@")[2] for argument in sys.argv[1:]]  # DVC_STAGE is STAGE@NAME
    try:
        inspect.signature(main).bind(*arguments)
        for argument in arguments:
            if not argument.startswith("--"):
                check_name(argument, name)
    except TypeError:
        usage = (main.__globals__["__doc__"] or name).partition("\n")[0]
        sys.stderr.write(f"error: got {' '.join(arguments) or 'no argument'}, expected {usage}\n")
        sys.exit(2)
    except UserError as error:
        sys.stderr.write(f"error: {visible(error)}\n")
        sys.exit(2)
    begun = time.monotonic()
    log = logging.getLogger("trajprobe")
    try:
        _open_log(log, Path("logs") / ("-".join([name, *arguments]).replace("/", "_") + ".log"))
        compute = section(read(), Compute, "compute")
        log.info("%s; %s threads, %s", " ".join([name, *arguments]), compute.threads, compute.instruction_set)
        pin(compute)
        with interruptible(), cleanup, unchanged_parameters():
            end_with_dvc()
            made = main(*arguments)
    except UserError as error:
        log.debug("refused", exc_info=True)
        log.error("error: %s", visible(error))
        sys.exit(2)
    except (OSError, MemoryError) as error:
        log.debug("refused", exc_info=True)
        log.error("error: %s", visible(system_reason(error, DISK_FULL)))
        sys.exit(2)
    except KeyboardInterrupt:
        log.error("interrupted")
        sys.exit(STATUS)
    except Exception:  # whatever it is, for the log alone: it is raised again
        log.debug("failed", exc_info=True)
        raise
    log.info("%s (%.1f s)", made, time.monotonic() - begun)


def workers(default: int) -> int:
    """The number of processes that a stage works in: TRAJPROBE_WORKERS, or `default` where it is not set.

    Raises:
        UserError: it is no such number.
    """
    asked = os.environ.get(WORKERS, "")
    if asked and (not asked.isdecimal() or int(asked) < 1):
        raise UserError(f"{WORKERS}: got {asked!r}, expected a number of processes, 1 or more")
    return int(asked) if asked else default


def end_with_parent() -> None:
    """Ends this worker process when its parent dies, even by SIGKILL: it would wait for its next task forever."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _open_log(log: logging.Logger, path: Path) -> None:
    """Lets `log` write messages from INFO upwards onto standard error, and everything into the file at `path`."""
    logging.raiseExceptions = False  # on a full disk the log fails too, and must not hide the error
    log.setLevel(logging.DEBUG)
    console = logging.StreamHandler()
    console.setLevel(logging.INFO)
    log.addHandler(console)
    path.parent.mkdir(exist_ok=True)
    file = logging.FileHandler(path, mode="w", encoding="utf-8", errors="backslashreplace")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(file)


class Progress:
    """How far some work is: a bar by rich on a terminal, elsewhere a line each minute; nothing of what is quick."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        """`unit` is what there are `total` of, as `clips`."""
        self.title, self.total, self.unit = title, total, unit
        self.done, self.is_drawn = 0, sys.stderr.isatty()
        self.next = time.monotonic() + (QUICK if self.is_drawn else LINE)
        self.shown = ExitStack()
        self.redraw: Callable[[], object] | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.redraw:
            self.redraw()
        self.shown.close()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        if time.monotonic() < self.next:
            return
        if not self.is_drawn:
            logging.getLogger("trajprobe").info(
                "%s: %s of %s %s", self.title, f"{self.done:,}", f"{self.total:,}", self.unit
            )
            self.next = time.monotonic() + LINE
            return
        self.redraw = self.redraw or self._bar()
        self.redraw()
        self.next = time.monotonic() + FRAME

    def _bar(self) -> Callable[[], object]:
        """Draws the bar; returns what draws it anew."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        title, unit = (TextColumn(visible(text), markup=False) for text in (self.title, self.unit))
        columns = title, BarColumn(), MofNCompleteColumn(), unit, TimeRemainingColumn()
        # It is drawn by this thread: a pool of processes is forked beside it, which another thread would not survive.
        bar = self.shown.enter_context(Bar(*columns, console=Console(stderr=True), auto_refresh=False))
        task = bar.add_task("", total=self.total)
        return lambda: bar.update(task, completed=self.done, refresh=True)


def progress(items: Iterable[T], title: str, unit: str, total: int) -> Iterator[T]:
    """The items, of which there are `total`, with the progress of whoever asks for them; the rest as `Progress`."""
    with Progress(title, total, unit) as shown:
        for item in items:
            yield item
            shown.advance()


def duration(seconds: float) -> str:
    """So many seconds in words: 12 s, 5 min, 2 h 3 min."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
