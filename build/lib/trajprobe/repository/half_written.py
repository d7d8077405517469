"""What a kill or a full disk has left half-written: objects of DVC's cache, files of the workspace, databases."""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.temporary import UNFINISHED, delete, leftovers
from trajprobe.repository.dvc_add import UNDO, cached_object
from trajprobe.repository.dvc_cache import outs_of, paths_by_object
from trajprobe.repository.dvc_command import DVC_TEMPORARY
from trajprobe.repository.processes import running_dvc

TMP = Path(".dvc/tmp")
#: Where stages, imports and DVC write.
WRITTEN = (Path("data"), Path("metrics"), Path(".dvc"))
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  #: md5 of no bytes


@dataclass(frozen=True)
class Damage:
    """What is wrong, in a line, with what was done about it or what is to be done."""

    text: str
    mended: bool


def databases() -> Iterator[Damage]:
    """What DVC has found out and would find out again."""
    for path in TMP.rglob("*.db"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                intact = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        except sqlite3.OperationalError:  # in use
            continue
        except sqlite3.DatabaseError:
            intact = False
        if not intact and not running_dvc():
            for part in path.parent.glob(f"{path.name}*"):
                part.unlink()
            yield Damage(f"{path}: was damaged; deleted, DVC makes it again", mended=True)


def objects() -> Iterator[Damage]:
    """Objects of DVC's cache that can't be what their name says, by their size; `cache verify` reads all of them."""
    try:
        outs = list(outs_of())
    except UserError:  # reported above
        return
    for out in outs:
        md5 = str(out["md5"])
        path = cached_object(md5)
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            if not size and md5 != EMPTY:
                path.unlink()
                yield Damage(
                    f"{path}: was empty ({out['path']}); deleted; `dvc pull` fetches it, `dvc repro` makes it",
                    mended=True,
                )
            elif (not _is_listing(path)) if md5.endswith(".dir") else size != out.get("size", size):
                yield Damage(f"{path}: is damaged ({out['path']}); run `trajprobe cache verify`", mended=False)


def cut_files() -> Iterator[Damage]:
    """Files of the workspace that hold only the beginning of their object, for which `dvc pull` and `checkout` stop."""
    with suppress(UserError):  # reported above
        for md5, paths in paths_by_object(cache_folder()).items():
            for path in paths:
                if _is_beginning(path, cached_object(md5)) and not running_dvc():
                    path.unlink()
                    yield Damage(f"{path}: was cut short; deleted, `dvc checkout {path}` brings it back", mended=True)


def _is_beginning(path: Path, whole: Path) -> bool:
    """Whether a file has nothing but the first bytes of another, and not all of them."""
    try:
        size = path.stat().st_size
        if path.is_dir() or size >= whole.stat().st_size:
            return False
        with whole.open("rb") as file:
            return path.read_bytes() == file.read(size)
    except OSError:  # missing
        return False


def leftovers_of_dead() -> Iterator[Damage]:
    """Unfinished files of processes that are gone: ours; and DVC's, if it runs nowhere here."""
    dvc_runs = bool(running_dvc())
    for top in WRITTEN:
        for name, folders, files in os.walk(top):
            folder = Path(name)
            left = list(leftovers(folder))
            if not dvc_runs:
                left += [folder / file for file in files if DVC_TEMPORARY.fullmatch(file)]
            folders[:] = [one for one in folders if not one.endswith((f".{UNFINISHED}", f".{UNDO}"))]
            for path in left:
                if delete(path):
                    yield Damage(f"{path}: was left by a process that is gone; deleted", mended=True)


def _is_listing(path: Path) -> bool:
    try:
        listing: Any = json.loads(path.read_bytes())
        return all(re.fullmatch("[0-9a-f]{32}", entry["md5"]) and entry["relpath"] for entry in listing)
    except (OSError, ValueError, KeyError, TypeError):
        return False
