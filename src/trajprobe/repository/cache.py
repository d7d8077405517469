"""What the scratch store holds: told, freed, and held to its names together with DVC's cache."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from trajprobe.files.atomic import file_sha256
from trajprobe.files.store import Store
from trajprobe.repository import dvc_cache

DAY = 86_400.0


def show() -> str:
    """A line for each recipe in the store, the largest first, one for what runs have not finished, and the total."""
    store = Store.here()
    sizes, shards, used = defaultdict[str, int](int), defaultdict[str, int](int), defaultdict[str, float](float)
    for path in store:
        told, name = path.stat(), _name(path)
        sizes[name] += told.st_size
        shards[name] += 1
        used[name] = max(used[name], told.st_mtime)
    lines = [
        f"{sizes[name] / 1e6:12,.1f} MB  {shards[name]:6,} shards  used {_days(used[name])}  {name}"
        for name in sorted(sizes, key=lambda name: -sizes[name])
    ]
    if unfinished := [told.st_size for _, told in store.unfinished()]:
        size = f"{sum(unfinished) / 1e6:12,.1f} MB  {len(unfinished):6,} files"
        lines.append(f"{size}   of runs that are going on or were killed; `prune` deletes those of an hour ago")
    lines.append(f"{sum(sizes.values()) / 1e6:12,.1f} MB  {sum(shards.values()):6,} shards  in {store.folder}")
    return "\n".join(lines)


def prune(days: float) -> str:
    """Deletes the shards that no run has taken for so many days, and what killed runs have left.

    Returns a line that tells what was freed.
    """
    store = Store.here()  # which sweeps what was left
    count = freed = linked = 0
    for path in store:
        told = path.stat()
        if time.time() - told.st_mtime >= days * DAY:
            path.unlink(missing_ok=True)
            count += 1
            if told.st_nlink == 1:
                freed += told.st_size
            else:
                linked += told.st_size
    more = f"; {linked / 1e6:,.1f} MB more have links elsewhere, and are freed with them" if linked else ""
    return f"{store.folder}: {count:,} shards deleted, {freed / 1e6:,.1f} MB freed{more}"


def verify(tell: Callable[[str], object]) -> str:
    """Holds every shard of the store, and every object of DVC's cache, to its name.

    A damaged shard is deleted, since it is made again when it is asked for. Returns a line that tells what is whole.

    Raises:
        UserError: objects of DVC's cache are damaged; `tell` was given a line for each, with the remedy.
    """
    store, whole = Store.here(), 0
    for path in store:
        if file_sha256(path) == path.stem.rpartition("-")[2]:
            whole += 1
            continue
        path.unlink(missing_ok=True)
        tell(f"{path}: its bytes are not those that were written; deleted, and made again when a run needs it")
    return f"{store.folder}: {whole:,} shards are whole\n{dvc_cache.verify(tell)}"


def _name(path: Path) -> str:
    """What a shard is of, in a few words."""
    try:
        with safe_open(path, "numpy") as file:
            meta: dict[str, Any] = json.loads((file.metadata() or {})["meta"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return "damaged: made again when it is asked for"
    return ", ".join(_words(meta))


def _words(meta: dict[str, Any]) -> Iterator[str]:
    form = meta["clips"]["format"] if "clips" in meta else meta["format"]
    clips = f"{form['frames']} x {form['size']} x {form['size']}"
    if "family" not in meta:
        yield f"clips of {clips}"
        return
    source = meta["weights"]
    yield f"{meta['family']} {source.get('name') or 'seed ' + str(source.get('seed'))}"
    yield f"{meta['layer']} {meta['pooling'] or 'not pooled'}"
    yield f"of {clips}"
    yield meta["device"]


def _days(when: float) -> str:
    days = int((time.time() - when) / DAY)
    return "today" if not days else f"{days} days ago"
