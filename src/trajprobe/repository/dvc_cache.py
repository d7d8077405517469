"""DVC's cache, held to its names: an object is called by its md5, and DVC itself does not look again."""

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from trajprobe.errors import UserError
from trajprobe.repository.dvc_command import dvc
from trajprobe.repository.tracking import check_top

LOCK = Path("dvc.lock")
DIRECTORY = ".dir"


def verify(tell: Callable[[str], object]) -> str:
    """Hashes every object; returns a line that says how many are whole.

    Raises:
        UserError: some are damaged; `tell` was given a line for each, with its file and how to be rid of both.
    """
    check_top()
    cache = Path(dvc("cache", "dir").strip())
    objects = sorted((cache / "files/md5").glob("[0-9a-f][0-9a-f]/*"))
    damaged = [path for path in objects if path.suffix != ".tmp" and file_md5(path) != md5_of(path)]
    names = paths_of_objects(cache)
    for path in damaged:
        expected = path.parent.name + path.name
        files = names.get(expected, [])
        # A whole file in the workspace may be the last one: only what the object spoilt is to go.
        spoilt = [file for file in files if file.is_file() and file_md5(file) != md5_of(path)]
        held = ", ".join(map(str, files)) or "of another branch or an earlier run"
        tell(
            f"{path}: got md5 {file_md5(path)}, expected that of its name ({held}); "
            f"delete it: rm -f {shlex.join(map(str, [path, *spoilt]))}"
        )
    if damaged:
        raise UserError(
            f"{cache}: {len(damaged)} of {len(objects)} objects are damaged; delete what is named, then `dvc pull` "
            "fetches it or `dvc repro` makes it again (`dvc commit` keeps a file that is whole in the workspace)"
        )
    return f"{cache}: all {len(objects)} objects are whole"


def paths_of_objects(cache: Path) -> dict[str, list[Path]]:
    """The files that dvc.lock and .dvc files name, by their object; those in folders as far as the cache lists them."""
    paths = defaultdict[str, list[Path]](list)
    for name, md5 in _outs():
        paths[md5].append(name)
        for inner, its_md5 in _listing(cache / "files/md5" / md5[:2] / md5[2:]) if md5.endswith(DIRECTORY) else ():
            paths[its_md5].append(name / inner)
    return paths


def locked() -> dict[str, Any]:
    """The stages of dvc.lock."""
    return YAML(typ="safe").load(LOCK.read_text(encoding="utf-8")).get("stages", {}) if LOCK.is_file() else {}


def _outs() -> Iterator[tuple[Path, str]]:
    for stage in locked().values():
        yield from ((Path(out["path"]), out["md5"]) for out in stage.get("outs", ()))
    for pointer in Path("data").rglob("*.dvc"):
        for out in YAML(typ="safe").load(pointer.read_text(encoding="utf-8"))["outs"]:
            yield pointer.parent / out["path"], out["md5"]


def _listing(path: Path) -> list[tuple[str, str]]:
    try:
        return [(entry["relpath"], entry["md5"]) for entry in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError):  # not here, or itself what is damaged
        return []


def md5_of(path: Path) -> str:
    return path.parent.name + path.name.removesuffix(DIRECTORY)


def file_md5(path: Path) -> str:
    """md5 of a file, in hex: what DVC calls objects by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
