"""Runs networks over clips, a shard at a time, and writes their pooled features."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from trajprobe.execution.producing import executor, missing, produce
from trajprobe.features.encoder import Encoder
from trajprobe.features.setting import CLIPS, Setting

log = logging.getLogger("trajprobe")


class Job(Protocol):
    """A network over the clips of a row, and the folder that its features go to."""

    @property
    def folder(self) -> Path:
        """Where."""

    def open(self) -> Encoder:
        """Brings the network into memory."""


def extract(setting: Setting, jobs: Sequence[Job], name: str, *, dry: bool = False) -> str:
    """Features of all clips for each of the jobs; returns a line that tells what was made.

    One network is in memory at a time, in each worker. With `dry` nothing is made, and the line is the forecast.

    Raises:
        UserError: the network can't take the clips, or gives what is no feature.
    """
    where, count, told = executor(), len(setting.clips), ""
    for number, job in enumerate(jobs):
        tasks = where.ask(job, Encoder.tasks)
        _, absent = missing(tasks, where.store)
        if dry or (absent and not told):
            log.info("%s: measuring how fast it runs", name)
            clips, networks = count if dry else sum(task.clips for task in absent), len(jobs) - number
            told = where.ask(job, lambda encoder: encoder.forecast(clips, networks))  # noqa: B023 (asked at once)
            if dry:
                return f"{name}, over the clips that are in {CLIPS / setting.row.clips}: {told}"
            log.info("%s: %s", name, told)
        recipe = where.ask(job, lambda encoder: encoder.recipe)
        produce(where, job, tasks, job.folder, recipe | {"tracks": setting.clips.meta["tracks"]}, name)
    each = f"{len(jobs)} networks, each " if len(jobs) > 1 else ""
    shape = " x ".join(map(str, setting.cost.shape))
    row = setting.row
    return f"{name}: {each}{count} clips to {shape} features ({row.layer}, {row.pooling})"
