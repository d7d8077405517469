"""Work for the tests of execution: a shard is the square of a number, or its cube."""

import errno
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trajprobe.errors import UserError
from trajprobe.execution.work import Task
from trajprobe.files.shards import encode_shard
from trajprobe.files.store import Store


def tasks(count, powers=("square",)):
    """Of numbers from 0, for a folder of each of `powers`: square, cube."""
    return [Task(number, tuple(Store.key({power: number}) for power in powers), 2) for number in range(count)]


def begun(diary):
    """How often each number was begun."""
    return Counter(map(int, diary.read_text().split()))


@dataclass(frozen=True)
class Squares:
    """Squares of numbers. Each one that is begun leaves a line in `diary`; the tuples hold numbers that go wrong."""

    diary: Path
    deadly: tuple[int, ...] = ()  #: kill the process, once the held ones are begun
    held: tuple[int, ...] = ()  #: never end
    interrupted: tuple[int, ...] = ()  #: get SIGINT in the middle
    refused: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    unopened: str = ""  #: what happens when it is opened: refused, full, deadly

    def open(self):
        if self.unopened == "refused":
            raise UserError("no such weights")
        if self.unopened == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.unopened == "deadly":
            die()
        return Squarer(self)


class Squarer:
    """Makes squares."""

    def __init__(self, work):
        self.work = work

    def read(self, task):
        if task.number in self.work.unread:
            raise UserError(f"number {task.number} is damaged")
        return np.array([task.number])

    def make(self, task, batch, store, report_progress):
        work, number = self.work, task.number
        with work.diary.open("a") as file:
            file.write(f"{number}\n")
        while number in work.held or (number in work.deadly and not begun(work.diary).keys() >= {*work.held}):
            time.sleep(0.01)
        if number in work.deadly:
            die()
        if number in work.interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        if number in work.refused:
            raise UserError(f"number {number} has no square")
        if number in work.broken:
            raise ZeroDivisionError("a bug")
        report_progress(1)
        report_progress(1)
        exponents = {Store.key({power: number}): (power, exponent) for exponent, power in ((2, "square"), (3, "cube"))}
        return [
            encode_shard({power: batch**exponent}, {power: number})
            for power, exponent in map(exponents.__getitem__, task.keys)
        ]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Halting(Squares):
    """Squares that halt: with as many in the store as one of `halts`, until the file of that name is in `signals`."""

    halts: tuple[int, ...] = ()
    signals: Path = Path()

    def open(self):
        return HaltingSquarer(self)


class HaltingSquarer(Squarer):
    def make(self, task, batch, store, report_progress):
        for halt in self.work.halts:
            while len(list(store)) >= halt and not (self.work.signals / str(halt)).exists():
                time.sleep(0.05)
        return super().make(task, batch, store, report_progress)


@dataclass(frozen=True)
class Surroundings(Squares):
    """Squares; each process that opens them writes down where it runs, and waits until so many have done so."""

    processes: int = 1

    def open(self):
        names = (
            "OMP_NUM_THREADS",
            "ONEDNN_MAX_CPU_ISA",
            "TRAJPROBE_DEVICE",
            "CUDA_VISIBLE_DEVICES",
            "TRAJPROBE_WORKER",
        )
        with self.diary.open("a") as file:
            file.write(" ".join([str(Path.cwd()), *(os.environ.get(name, "-") for name in names)]) + "\n")
        while len(self.diary.read_text().splitlines()) < self.processes:
            time.sleep(0.05)
        return Squares(self.diary.with_name("another")).open()
