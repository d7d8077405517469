"""Work that is cut into shards: what it has to offer, and how it is done in whatever process."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from trajprobe.errors import UserError
from trajprobe.files.store import Store, StoredShard

T = TypeVar("T")
M_co = TypeVar("M_co", bound="Maker", covariant=True)


@dataclass(frozen=True)
class Task:
    """One shard that is to be made."""

    number: int
    key: str  #: in the store
    clips: int


class Maker(Protocol):
    """What makes shards, in a process of its own or not."""

    def read(self, task: Task, /) -> Any:
        """What the shard is made of; called in a thread, while the one before it is made."""

    def make(self, task: Task, given: Any, store: Store, tell: Callable[[int], object], /) -> bytes:
        """The shard, of what was read; tells how many more clips are done."""


class Work(Protocol[M_co]):
    """What is to be made; small, since it is sent to other processes."""

    def open(self) -> M_co:
        """Brings what makes the shards into memory."""


@dataclass(frozen=True)
class Done:
    """A task that came to its end: the shard in the store, or why there is none."""

    task: Task
    entry: StoredShard | None
    error: str = ""


def serve(maker: Maker, tasks: Iterable[Task], store: Store, tell: Callable[[int], object]) -> Iterator[Done]:
    """Makes a shard for each task and puts it into the store; one that can't be made stops no other."""

    def read(task: Task) -> tuple[Task, Any, str]:
        try:
            return task, maker.read(task), ""
        except UserError as error:
            return task, None, str(error)

    for task, given, error in ahead(map(read, tasks)):
        if error:
            yield Done(task, None, error)
            continue
        try:
            yield Done(task, store.put(task.key, maker.make(task, given, store, tell)))
        except UserError as refused:
            yield Done(task, None, str(refused))


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made in a thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
