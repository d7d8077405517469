"""Folders of shards; only the shards that the store does not have are made."""

import logging
import os
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trajprobe.errors import UserError
from trajprobe.execution.local import Local
from trajprobe.execution.work import Maker, Outcome, Outcomes, ReportProgress, Task, Work
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.shards import ShardWriter
from trajprobe.files.store import Store, StoredShard
from trajprobe.stage import Progress, workers

T = TypeVar("T")
M = TypeVar("M", bound=Maker)
#: Where shards are made: local, the default, or ray.
EXECUTOR = "TRAJPROBE_EXECUTOR"
#: How many failed shards an error message lists with their reason.
LISTED_FAILURES = 5
log = logging.getLogger("trajprobe")


class Executor(Protocol):
    """Makes shards: on this machine, or on a cluster."""

    store: Store

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The result of `question(maker)`, where `maker` is what `work.open()` loaded.

        It runs where shards are made, since the caller's machine may have no GPU, or another kind of CPU.
        """

    def run(self, work: Work[Any], tasks: Sequence[Task], report_progress: ReportProgress) -> Outcomes:
        """The outcome of each task, of one or more, in the order in which they end."""


def executor() -> Executor:
    """The executor that TRAJPROBE_EXECUTOR (local, the default, or ray) and TRAJPROBE_WORKERS ask for.

    Raises:
        UserError: one of the variables has no valid value, or Ray can't be used.
    """
    kind = os.environ.get(EXECUTOR) or "local"
    if kind == "local":
        return Local(Store.here(), workers(1))
    if kind == "ray":
        from trajprobe.execution.ray import Ray  # an optional extra, which takes seconds to import

        return Ray(Store.here(), workers(0))
    raise UserError(f"{EXECUTOR}: got {kind!r}, expected local or ray")


def missing(tasks: Sequence[Task], store: Store) -> tuple[dict[str, StoredShard], list[Task]]:
    """The shards of these tasks that the store has, by key; and the tasks that are left, each without these."""
    stored = {key: shard for task in tasks for key in task.keys if (shard := store.get(key))}
    return stored, left(tasks, stored)


def left(tasks: Sequence[Task], made: Container[str]) -> list[Task]:
    """The tasks that have something to make beside the keys `made`, each without these."""
    return [rest for task in tasks if (rest := task.without(made)).keys]


def produce(
    executor: Executor,
    work: Work[Any],
    tasks: Sequence[Task],
    folders: Mapping[Path, dict[str, Any]],
    name: str,
    existing: Mapping[str, StoredShard] | None = None,
) -> None:
    """Fills folders with shards that are linked to the store; those that do not exist are made first.

    Args:
        executor: makes them.
        work: what they are.
        tasks: each has a key for each folder, in the order of `folders`.
        folders: what goes into the manifest of each.
        name: stands before messages and the progress bar.
        existing: the shards that exist, by key; by default those that the store has.

    Raises:
        UserError: some shards can't be made, or the store can't be written to. All others are kept in the store, and
            the folders stay as they were.
    """
    shards = dict(missing(tasks, executor.store)[0] if existing is None else existing)
    to_make = left(tasks, shards)
    if shards:
        total = sum(len(task.keys) for task in tasks)
        log.info("%s: %d of %d shards are in %s already", name, len(shards), total, executor.store.folder)
    failures: list[Outcome] = []
    if to_make:
        executor.store.check_writable(key for task in to_make for key in task.keys)
        total = sum(task.clips for task in to_make)
        # Closed at once after an error or an interrupt, which ends the workers.
        with (
            Progress(name, total, "clips") as shown,
            closing(executor.run(work, to_make, shown.advance)) as outcomes,
        ):
            for outcome in outcomes:
                shards |= outcome.shards
                if outcome.error:
                    failures.append(outcome)
    if failures:
        raise UserError(f"{name}: {_listed(failures, len(tasks))}")
    for number, (folder, meta) in enumerate(folders.items()):
        with fresh_folder(folder) as temporary:
            writer = ShardWriter(temporary, meta)
            for task in tasks:
                shard = shards[task.keys[number]]
                writer.link(shard.path, shard.sha256, task.clips)
            writer.close()


def _listed(failures: list[Outcome], total: int) -> str:
    failures.sort(key=lambda outcome: outcome.task.number)
    reasons = [f"shard {outcome.task.number}: {outcome.error}" for outcome in failures[:LISTED_FAILURES]]
    if len(failures) > LISTED_FAILURES:
        reasons.append(f"and {len(failures) - LISTED_FAILURES} more")
    listed = "; ".join(reasons)
    return f"{len(failures)} of {total} shards could not be made, the others are kept and not made again: {listed}"
