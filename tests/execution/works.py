"""Work for the tests of execution: a shard is the square of a number."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trajprobe.errors import UserError
from trajprobe.execution.work import Task
from trajprobe.files.shards import encode_shard
from trajprobe.files.store import Store


def tasks(count):
    return [Task(number, Store.key({"square": number}), 2) for number in range(count)]


@dataclass(frozen=True)
class Squares:
    """Squares; each that is begun leaves a line in `diary`."""

    diary: Path
    deadly: tuple[int, ...] = ()  #: kill the process
    once: tuple[int, ...] = ()  #: kill it the first time
    refused: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    unopened: str = ""  #: "refused" or "deadly"

    def open(self):
        if self.unopened == "refused":
            raise UserError("no such weights")
        if self.unopened:
            os.kill(os.getpid(), signal.SIGKILL)
        return Squarer(self)


class Squarer:
    """What makes them."""

    def __init__(self, work):
        self.work = work

    def read(self, task):
        if task.number in self.work.unread:
            raise UserError(f"number {task.number} is damaged")
        return np.array([task.number])

    def make(self, task, given, store, tell):
        begun = self.work.diary.read_text().split() if self.work.diary.exists() else []
        with self.work.diary.open("a") as file:
            file.write(f"{task.number}\n")
        if task.number in self.work.deadly or (task.number in self.work.once and str(task.number) not in begun):
            os.kill(os.getpid(), signal.SIGKILL)
        if task.number in self.work.refused:
            raise UserError(f"number {task.number} has no square")
        if task.number in self.work.broken:
            raise ZeroDivisionError("a bug")
        tell(1)
        tell(1)
        return encode_shard({"square": given**2}, {})
