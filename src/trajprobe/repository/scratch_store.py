"""Describes, prunes and verifies the scratch store (TRAJPROBE_STORE)."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from trajprobe.errors import visible
from trajprobe.files.atomic import file_sha256
from trajprobe.files.reading import parse_json
from trajprobe.files.store import Store

DAY = 86_400.0  #: seconds


def describe_store() -> str:
    """Lists the recipes in the store, the largest first: size in MB, number of shards, when a run last used one.

    Two further lines have the unfinished files of runs, if there are any, and the total.
    """
    store = Store.here()
    sizes, shards, used = defaultdict[str, int](int), defaultdict[str, int](int), defaultdict[str, float](float)
    for path in store:
        stat, recipe = path.stat(), _recipe(path)
        sizes[recipe] += stat.st_size
        shards[recipe] += 1
        used[recipe] = max(used[recipe], stat.st_mtime)
    lines = [
        f"{sizes[recipe] / 1e6:12,.1f} MB  {shards[recipe]:6,} shards  used {_days_ago(used[recipe])}  {recipe}"
        for recipe in sorted(sizes, key=lambda recipe: -sizes[recipe])
    ]
    if unfinished := [stat.st_size for _, stat in store.unfinished()]:
        size = f"{sum(unfinished) / 1e6:12,.1f} MB  {len(unfinished):6,} files"
        lines.append(
            f"{size}   unfinished, of runs that go on or were killed; `prune` deletes those older than an hour"
        )
    lines.append(f"{sum(sizes.values()) / 1e6:12,.1f} MB  {sum(shards.values()):6,} shards  in {store.folder}")
    return "\n".join(lines)


def prune_store(days: float) -> str:
    """Deletes the shards that no run has used for `days` days, and the unfinished files of runs that were killed.

    Returns a line that says how many shards were deleted, and how much disk space that freed.
    """
    store = Store.here()  # which deletes the unfinished files
    count = freed = linked = 0
    for path in store:
        stat = path.stat()
        if time.time() - stat.st_mtime >= days * DAY:
            path.unlink(missing_ok=True)
            count += 1
            if stat.st_nlink == 1:
                freed += stat.st_size
            else:
                linked += stat.st_size
    rest = f"; {linked / 1e6:,.1f} MB stay on disk, since they have links elsewhere" if linked else ""
    return f"{store.folder}: {count:,} shards deleted, {freed / 1e6:,.1f} MB freed{rest}"


def verify_store(report_progress: Callable[[str], object]) -> str:
    """Hashes every shard of the store and deletes the damaged ones, which a run computes again when it needs them.

    Args:
        report_progress: is called with a line for each damaged shard.

    Returns a line that says how many shards are intact.
    """
    store, intact = Store.here(), 0
    for path in store:
        if file_sha256(path) == path.stem.rpartition("-")[2]:
            intact += 1
            continue
        path.unlink(missing_ok=True)
        report_progress(f"{path}: damaged (sha256 differs), deleted; a run computes it again when it needs it")
    return f"{store.folder}: {intact:,} shards are intact"


def _recipe(path: Path) -> str:
    """The recipe of a shard, in a few words."""
    try:
        with safe_open(path, "numpy") as file:
            return visible(", ".join(_words(parse_json((file.metadata() or {})["meta"]))), 200)
    except (OSError, SafetensorError, LookupError, TypeError, AttributeError, ValueError):
        return "damaged, or of an older version"


def _words(meta: dict[str, Any]) -> Iterator[str]:
    form = meta["clips"]["format"] if "clips" in meta else meta["format"]
    clips = f"{form['frames']} x {form['resolution']} x {form['resolution']}"
    if "family" not in meta:
        yield f"clips of {clips}"
        return
    weights = meta["weights"]
    yield f"{meta['family']} {weights.get('name') or 'seed ' + str(weights.get('seed'))}"
    yield f"{meta['layer']} {meta['pooling'] or 'not pooled'}"
    yield f"of {clips}"
    yield meta["device"]


def _days_ago(timestamp: float) -> str:
    days = int((time.time() - timestamp) / DAY)
    return "today" if not days else f"{days} days ago"
