"""Describes, prunes and verifies the scratch store (TRAJPROBE_STORE)."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trajprobe.errors import visible
from trajprobe.files.shards import recipe_of
from trajprobe.files.store import Store, damage
from trajprobe.files.temporary import delete

DAY = 86_400.0  #: seconds


def describe_store() -> str:
    """Lists the recipes in the store, the largest first: size in MB, number of shards, when a run last used one.

    Two further lines have the unfinished files of runs, if there are any, and the total.
    """
    store = Store.here()
    sizes, shards, used = defaultdict[str, int](int), defaultdict[str, int](int), defaultdict[str, float](float)
    for path in store:
        try:
            stat, recipe = path.stat(), _recipe(path)
        except FileNotFoundError:  # pruned a moment ago
            continue
        sizes[recipe] += stat.st_size
        shards[recipe] += 1
        used[recipe] = max(used[recipe], stat.st_mtime)
    lines = [
        f"{sizes[recipe] / 1e6:12,.1f} MB  {shards[recipe]:6,} shards  used {_days_ago(used[recipe])}  {recipe}"
        for recipe in sorted(sizes, key=lambda recipe: -sizes[recipe])
    ]
    if unfinished := [stat.st_size for _, stat in store.unfinished()]:
        size = f"{sum(unfinished) / 1e6:12,.1f} MB  {len(unfinished):6,} files"
        lines.append(f"{size}   unfinished, of runs that go on; those of killed runs were deleted a moment ago")
    lines.append(f"{sum(sizes.values()) / 1e6:12,.1f} MB  {sum(shards.values()):6,} shards  in {store.folder}")
    return "\n".join(lines)


def prune_store(days: float) -> str:
    """Deletes the shards that no run has used for `days` days (0 or more), and the unfinished files of killed runs.

    Returns a line that says how many shards were deleted, and how much disk space that freed. In a store that several
    users share, the last use is that of a shard's owner, and an owner may keep others from deleting.
    """
    store = Store.here()  # which deletes the unfinished files
    count = freed = linked = kept = 0
    for path in store:
        try:
            stat = path.stat()
        except FileNotFoundError:  # pruned by another process a moment ago
            continue
        if time.time() - stat.st_mtime >= days * DAY:
            if not delete(path):
                kept += 1
                continue
            count += 1
            if stat.st_nlink == 1:
                freed += stat.st_size
            else:
                linked += stat.st_size
    rest = f"; {kept:,} can't be deleted, since they are another user's" if kept else ""
    rest += f"; {linked / 1e6:,.1f} MB stay on disk, since they have links elsewhere" if linked else ""
    return f"{store.folder}: {count:,} shards deleted, {freed / 1e6:,.1f} MB freed{rest}"


def verify_store(report_progress: Callable[[str], object]) -> str:
    """Verifies bytes and recipe of every shard of the store, and deletes those that fail: a run makes them again.

    Args:
        report_progress: is called with a line for each damaged shard.

    Returns a line that says how many shards are intact.
    """
    store, intact = Store.here(), 0
    for path in store:
        try:
            reason = damage(path)
        except OSError as error:  # pruned a moment ago, or another user's
            report_progress(f"{path}: cannot be read ({error.strerror})")
            continue
        if not reason:
            intact += 1
            continue
        done = "deleted; a run makes it again" if delete(path) else "another user's; ask for its deletion"
        report_progress(f"{path}: {reason}; {done}")
    return f"{store.folder}: {intact:,} shards are intact"


def _recipe(path: Path) -> str:
    """The recipe of a shard, in a few words."""
    try:
        return visible(", ".join(_words(recipe_of(path))), 200)
    except (AttributeError, KeyError, TypeError):
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
