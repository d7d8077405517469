"""The values of params.yaml with which a run of DVC began: none of its stages works with others.

DVC reads params.yaml when a run begins, and again, for dvc.lock, when a stage has ended. What is written in between, by
an editor, by `git switch`, or by a second `dvc exp run --set-param`, which writes before it is refused, would stand in
dvc.lock beside results of the old values; and one table would be made of rows with the old and with the new ones.
"""

import os
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trajprobe.errors import UNDER_DVC, UserError, parent_processes, visible
from trajprobe.params import PARAMS, parse_yaml, read_text

if TYPE_CHECKING:
    import psutil

LOGS, DVC_YAML = Path("logs"), Path("dvc.yaml")
#: Seconds. `dvc exp run --queue` writes other values for one second, and an editor an empty file for a moment.
PATIENCE, PAUSE = 5.0, 0.25
#: Differences that a message names at most.
SHOWN = 3
ALL = ((),)
_NOTHING = object()


@contextmanager
def unchanged_parameters() -> Iterator[None]:
    """The block of a stage's work. A change of comments is no change.

    Raises:
        UserError: params.yaml has other values than when this run of DVC began: any of them before the block, and
            after it those that the stage depends on. The next stage refuses the others.
    """
    before = _of_run()
    _check(before, ALL)
    yield
    _check(before, _declared(before))


def _of_run() -> str:
    """params.yaml as the first stage of this run of DVC found it; where this is the first, or no DVC runs, as it is."""
    import psutil

    text = read_text()
    if not os.environ.get(UNDER_DVC):
        return text
    host = platform.node()
    try:
        *_, dvc = parent_processes()
        if not any(Path(argument).name == "dvc" for argument in dvc.cmdline()[:4]):
            return text  # a program that may change params.yaml between one run and the next
        copy = LOGS / f".params-{host}-{dvc.pid}-{_start(dvc)}.yaml"
    except psutil.Error:
        return text
    if copy.is_file():
        return copy.read_text(encoding="utf-8")
    for other in LOGS.glob(f".params-{host}-*-*.yaml"):  # of runs that have ended
        if not psutil.pid_exists(int(other.name.rsplit("-", 2)[1])):
            other.unlink(missing_ok=True)
    unfinished = copy.with_suffix(".tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(copy)
    return text


def _start(process: "psutil.Process") -> str:
    """When it began; on Linux in ticks since the system started, which no setting of the clock changes."""
    try:
        return Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return f"{process.create_time():.0f}"


def _declared(before: str) -> Sequence[tuple[str, ...]]:
    """The keys that dvc.yaml has as parameters of the stage that DVC runs; where it does not say, all."""
    stage, _, key = os.environ.get(UNDER_DVC, "").rpartition(":")[2].partition("@")
    try:
        declared = parse_yaml(DVC_YAML.read_text(encoding="utf-8"), DVC_YAML)["stages"][stage]
        section = str(declared.get("foreach", "")).strip("${}")
        item = parse_yaml(before, PARAMS)[section][key] if section else {}
        names = [
            re.sub(r"\$\{item\.(\w+)\}", lambda found: item[found[1]], name.replace("${key}", key))
            for name in declared.get("do", declared)["params"]
        ]
    except (OSError, UserError, LookupError, TypeError, AttributeError):
        return ALL
    return [tuple(name.split(".")) for name in names]


def _check(before: str, keys: Sequence[tuple[str, ...]]) -> None:
    """Raises UserError where params.yaml has had other values than `before` at these keys for some seconds."""
    last = time.monotonic() + PATIENCE
    while True:
        try:
            _compare(before, read_text(), keys)
        except UserError:
            if time.monotonic() > last:
                raise
        else:
            return
        time.sleep(PAUSE)


def _compare(before: str, now: str, keys: Sequence[tuple[str, ...]]) -> None:
    if now == before:
        return
    old, new = parse_yaml(before, PARAMS), parse_yaml(now, PARAMS)
    changes = [change for key in keys for change in _changes(_at(old, key), _at(new, key), *key)]
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise UserError(
            f"{PARAMS}: has changed since this run began: {', '.join(changes[:SHOWN])}{more}. A run has one set of "
            "values, so it stops here. Run again with those that you want; finished stages and shards are kept"
        )


def _at(values: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        values = values.get(key, _NOTHING) if isinstance(values, dict) else _NOTHING
    return values


def _changes(before: Any, now: Any, *keys: str) -> Iterator[str]:
    """Each key whose value differs, and how."""
    name = f"`{visible('.'.join(keys), 100)}`" if keys else "the file"
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _changes(before.get(key, _NOTHING), now.get(key, _NOTHING), *keys, str(key))
    elif before is now:
        return
    elif before is _NOTHING:
        yield f"{name} is new"
    elif now is _NOTHING:
        yield f"{name} is gone"
    elif isinstance(before, dict):
        yield f"{name} has no keys any more"
    elif before != now:
        yield f"{name} from {visible(before, 60)} to {visible(now, 60)}"
