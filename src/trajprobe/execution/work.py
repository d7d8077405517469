"""Work that is cut into shards: what a kind of work offers, and how its shards are made in any process."""

from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from trajprobe.errors import UserError
from trajprobe.files.store import Store, StoredShard

T = TypeVar("T")
M_co = TypeVar("M_co", bound="Maker", covariant=True)
#: A callback that gets the number of clips that were finished since the last call.
ReportProgress = Callable[[int], object]


@dataclass(frozen=True)
class Task:
    """What is made of one shard of input: a shard for each folder."""

    number: int  #: its place in the folders, from 0
    keys: tuple[str, ...]  #: of the shards in the store
    clips: int  #: how many clips each holds

    def without(self, keys: Container[str]) -> "Task":
        """What is left to make of it where `keys` are made."""
        return replace(self, keys=tuple(key for key in self.keys if key not in keys))


class Maker(Protocol):
    """Makes shards, in this process or in a worker process."""

    def read(self, task: Task, /) -> Any:
        """The input of a shard. Called in a thread, while the shard before it is made."""

    def make(self, task: Task, batch: Any, store: Store, report_progress: ReportProgress, /) -> Sequence[bytes]:
        """The bytes of the shard of each key; `batch` is what `read` returned."""


class Work(Protocol[M_co]):
    """A description of what to make. It is small, since it is sent to the worker processes."""

    def open(self) -> M_co:
        """Loads what makes the shards, for example a network, into memory."""


@dataclass(frozen=True)
class Outcome:
    """The end of a task: the shards in the store, by their keys, or else the error that prevented them."""

    task: Task
    shards: Mapping[str, StoredShard]
    error: str = ""


#: Outcomes as they come. To close it ends the run.
Outcomes = Generator[Outcome, None, None]


def serve(maker: Maker, tasks: Iterable[Task], store: Store, report_progress: ReportProgress) -> Outcomes:
    """Makes the shards of each task and puts them into the store. A UserError in one task does not stop the others."""

    def read(task: Task) -> tuple[Task, Any, str]:
        try:
            return task, maker.read(task), ""
        except UserError as error:
            return task, None, str(error)

    for task, batch, unreadable in ahead(map(read, tasks)):
        if unreadable:
            yield Outcome(task, {}, unreadable)
            continue
        try:
            made = zip(task.keys, maker.make(task, batch, store, report_progress), strict=True)
            yield Outcome(task, {key: store.put(key, data) for key, data in made})
        except UserError as error:
            yield Outcome(task, {}, str(error))


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; a thread computes the next one while the caller uses the current one."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
