"""Shards that dvc.lock names and DVC's cache holds: what another run, or another machine, made of the same recipe.

DVC deletes a stage's output before the stage runs again. Its cache keeps the old one, and `dvc pull` fills that cache
on a laptop. So a row that goes from 5 to 19 random seeds computes 14 of them.
"""

import configparser
import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from platformdirs import site_config_path, user_config_path

from trajprobe.files.atomic import file_md5
from trajprobe.files.reading import parse_json
from trajprobe.files.shards import recipe_of
from trajprobe.files.store import Store, StoredShard

LOCK = Path("dvc.lock")
#: Parts of a recipe in which a pulled shard may differ: a laptop uses what a GPU made.
OF_THE_MACHINE = ("device", "torch")


class LockedShards:
    """The shards of an output of DVC, a folder."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def take(self, recipes: Mapping[str, Mapping[str, Any]], store: Store) -> dict[str, StoredShard]:
        """Those of `recipes` (by key) that DVC's cache holds, whatever machine made them; each is put into the store.

        An object whose bytes are not those of its name is left out.
        """
        taken = {}
        for key, recipe in recipes.items():
            path = self._objects.get(_portable(recipe))
            if path and file_md5(path) == path.parent.name + path.name:
                own = Store.key(recipe_of(path))
                taken[key] = store.get(own) or store.put(own, path.read_bytes())
        return taken

    @cached_property
    def _objects(self) -> dict[str, Path]:
        """The objects of the output's shards, by what is portable of their recipes."""
        return {_portable(meta): path for path in self._paths() if (meta := recipe_of(path))}

    def _paths(self) -> Iterator[Path]:
        lock = LOCK.read_text(encoding="utf-8", errors="replace") if LOCK.is_file() else ""
        objects = cache_folder() / "files/md5"
        # As an output of one stage and as what another one depends on: not always the same.
        for md5 in re.findall(rf"- path: {re.escape(str(self.out))}\n\s+hash: md5\n\s+md5: (\w{{32}})\.dir", lock):
            try:
                listing = parse_json((objects / md5[:2] / f"{md5[2:]}.dir").read_bytes())
                names = [entry["md5"] for entry in listing if entry["relpath"].endswith(".safetensors")]
            except (OSError, ValueError, KeyError, TypeError):  # not in this cache, or damaged
                continue
            yield from (path for name in names if (path := objects / name[:2] / name[2:]).is_file())


def with_machines(recipe: Mapping[str, Any], pulled: Collection[StoredShard], shards: int) -> dict[str, Any]:
    """The recipe of a folder of so many shards, with the kinds of machine that made them: `cpu-avx2, cuda-sm_90`."""
    recipes = [recipe_of(shard.path) for shard in pulled]
    if len(pulled) < shards:
        recipes.append(dict(recipe))
    return dict(recipe) | {name: ", ".join(sorted({each[name] for each in recipes})) for name in OF_THE_MACHINE}


def cache_folder(top: Path = Path()) -> Path:
    """DVC's cache folder: `cache.dir` of DVC's configuration, or .dvc/cache.

    `dvc cache dir` says the same and takes a second.
    """
    user = Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or user_config_path("dvc", "iterative"))
    site = Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or site_config_path("dvc", "iterative"))
    for place in (top / ".dvc/config.local", top / ".dvc/config", user / "config", site / "config"):
        # As DVC's own reader: a `%` is a `%`, and a repeated section is no error.
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if configured := parser.get("cache", "dir", fallback=""):
            return (place.parent / Path(configured.strip("\"'")).expanduser()).resolve()
    return top / ".dvc/cache"


def _portable(recipe: Mapping[str, Any]) -> str:
    return Store.key({name: value for name, value in recipe.items() if name not in OF_THE_MACHINE})
