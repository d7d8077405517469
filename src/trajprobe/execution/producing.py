"""Folders of shards, of which only those are made that the store does not have."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from trajprobe.errors import UserError
from trajprobe.execution.local import Local
from trajprobe.execution.work import Done, Maker, Task, Work
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.shards import ShardWriter
from trajprobe.files.store import Store, StoredShard
from trajprobe.stage import workers

T = TypeVar("T")
M = TypeVar("M", bound=Maker)
#: Failed shards that are told in full.
TOLD = 5
log = logging.getLogger("trajprobe")


class Executor(Protocol):
    """Where shards are made."""

    store: Store

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The answer of what makes the shards, where it does."""

    def run(self, work: Work[Any], tasks: Sequence[Task], tell: Callable[[int], object]) -> Iterator[Done]:
        """Each task as it comes to its end; `tell` hears how many more clips are done."""


def executor() -> Executor:
    """The one that TRAJPROBE_EXECUTOR (local, which is the default, or ray) and TRAJPROBE_WORKERS ask for.

    Raises:
        UserError: they ask for what there is not.
    """
    kind = os.environ.get("TRAJPROBE_EXECUTOR") or "local"
    if kind == "local":
        return Local(Store.here(), workers(1))
    if kind == "ray":
        from trajprobe.execution.ray import Ray  # an extra, which takes seconds to import

        return Ray(Store.here(), workers(0))
    raise UserError(f"TRAJPROBE_EXECUTOR: got {kind!r}, expected local or ray")


def missing(tasks: Sequence[Task], store: Store) -> tuple[dict[str, StoredShard], list[Task]]:
    """The shards that the store has, by key, and the tasks whose shards it has not."""
    found = {task.key: entry for task in tasks if (entry := store.get(task.key))}
    return found, [task for task in tasks if task.key not in found]


def produce(
    where: Executor,
    work: Work[Any],
    tasks: Sequence[Task],
    folder: Path,
    meta: dict[str, Any],
    name: str,
    pulled: Mapping[str, StoredShard] = MappingProxyType({}),
) -> None:
    """Puts a shard for each task into `folder`, linked to the store's; those that it has not are made first.

    Raises:
        UserError: some can't be made. All others are kept, and `folder` stays as it was.
    """
    found, absent = missing(tasks, where.store)
    found |= pulled
    absent = [task for task in absent if task.key not in found]
    if found:
        log.info(
            "%s: %d of %d shards are in %s already", name, len(tasks) - len(absent), len(tasks), where.store.folder
        )
    failed: list[Done] = []
    with tqdm(total=sum(task.clips for task in absent), desc=name, unit="clip", disable=not absent) as bar:
        for done in where.run(work, absent, bar.update):
            if done.entry:
                found[done.task.key] = done.entry
            else:
                failed.append(done)
    if failed:
        failed.sort(key=lambda done: done.task.number)
        reasons = "; ".join(f"shard {done.task.number}: {done.error}" for done in failed[:TOLD])
        more = f"; and {len(failed) - TOLD} more" if len(failed) > TOLD else ""
        raise UserError(
            f"{name}: {len(failed)} of {len(tasks)} shards could not be made, the others are kept and not made again: "
            f"{reasons}{more}"
        )
    with fresh_folder(folder) as temporary:
        writer = ShardWriter(temporary, meta)
        for task in tasks:
            entry = found[task.key]
            writer.link(entry.path, entry.sha256, task.clips)
        writer.close()
