"""The values of params.yaml with which a run of DVC began: none of its stages works with others.

DVC reads params.yaml when a run begins, and again, for dvc.lock, when a stage has ended. What is written in between, by
an editor, by `git switch`, or by a second `dvc exp run --set-param`, which writes before it is refused, would stand in
dvc.lock beside results of the old values; and one table would be made of rows with the old and with the new ones.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trajprobe.errors import UNDER_DVC, UserError, parent_processes, visible
from trajprobe.params import PARAMS, parse_yaml, read_text

LOGS = Path("logs")
#: Differences that a message names at most.
SHOWN = 3


@contextmanager
def unchanged_parameters() -> Iterator[None]:
    """The block of a stage's work. A change of comments is no change.

    Raises:
        UserError: params.yaml has other values than when this run of DVC began, before the block or after it.
    """
    text = read_text()
    began_with = _of_run(text)
    _check(began_with, text)
    yield
    _check(began_with, read_text())


def _of_run(text: str) -> str:
    """params.yaml as the first stage of this run of DVC found it; `text`, where this is the first, or no DVC runs."""
    import psutil

    if not os.environ.get(UNDER_DVC):
        return text
    try:
        *_, dvc = parent_processes()
        if not any(Path(argument).name == "dvc" for argument in dvc.cmdline()[:4]):
            return text  # a program that may change params.yaml between one run and the next
        copy = LOGS / f".params-{dvc.pid}-{dvc.create_time():.2f}.yaml"
    except psutil.Error:
        return text
    if copy.is_file():
        return copy.read_text(encoding="utf-8")
    for other in LOGS.glob(".params-*.yaml"):  # of runs that have ended
        if not psutil.pid_exists(int(other.name.split("-")[1])):
            other.unlink(missing_ok=True)
    unfinished = copy.with_suffix(".tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(copy)
    return text


def _check(before: str, now: str) -> None:
    """Raises UserError where the values of two texts of params.yaml differ."""
    if now == before:
        return
    changes = list(_changes(parse_yaml(before, PARAMS), parse_yaml(now, PARAMS)))
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise UserError(
            f"{PARAMS}: has changed since this run began: {', '.join(changes[:SHOWN])}{more}. Results would be of both "
            "values, so the run stops here. Run again with the values that you want; finished shards are kept"
        )


def _changes(before: Any, now: Any, *keys: str) -> Iterator[str]:
    """Each key whose value differs, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _changes(before.get(key, "no value"), now.get(key, "no value"), *keys, str(key))
    elif before != now:
        yield f"`{visible('.'.join(keys), 100)}` from {visible(before, 60)} to {visible(now, 60)}"
