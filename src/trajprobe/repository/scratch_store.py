"""Describes, prunes and verifies the scratch store (TRAJPROBE_STORE)."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trajprobe.errors import visible
from trajprobe.files.shards import recipe_of
from trajprobe.files.store import Store, damage
from trajprobe.files.temporary import delete
from trajprobe.inspection.listing import Listing

DAY = 86_400.0  #: seconds


def store_facts() -> dict[str, Any]:
    """What the store holds: its recipes, the largest first, and the files that runs have not finished; in bytes.

    `last_used` is when a run last used a shard of the recipe, in ISO 8601, and `days_ago` how long ago that is.
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
    unfinished = [stat.st_size for _, stat in store.unfinished()]
    return {
        "folder": str(store.folder),
        "bytes": sum(sizes.values()),
        "shards": sum(shards.values()),
        "recipes": [
            {
                "recipe": recipe,
                "bytes": sizes[recipe],
                "shards": shards[recipe],
                "last_used": datetime.fromtimestamp(used[recipe], UTC).isoformat(timespec="seconds"),
                "days_ago": int((time.time() - used[recipe]) / DAY),
            }
            for recipe in sorted(sizes, key=lambda recipe: -sizes[recipe])
        ],
        "unfinished": {"bytes": sum(unfinished), "files": len(unfinished)},
    }


def describe_store(of: dict[str, Any]) -> Iterator[str | Listing]:
    """Such facts: a line for each recipe, and the total."""
    rows = [
        [_megabytes(each["bytes"]), f"{each['shards']:,}", _days_ago(each["days_ago"]), each["recipe"]]
        for each in of["recipes"]
    ]
    if rows:
        yield Listing(["MB", "SHARDS", "USED", "RECIPE"], rows, (0, 1))
    if (left := of["unfinished"])["files"]:
        yield (
            f"{left['files']:,} unfinished files, {_megabytes(left['bytes'])} MB, of runs that go on; those of killed "
            "runs were deleted a moment ago"
        )
    yield f"{of['folder']}: {of['shards']:,} shards, {_megabytes(of['bytes'])} MB"


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


def _days_ago(days: int) -> str:
    return "today" if not days else "1 day ago" if days == 1 else f"{days:,} days ago"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
