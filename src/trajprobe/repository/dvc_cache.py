"""Checks DVC's cache: the name of an object is its md5, and DVC itself does not hash it again."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_md5
from trajprobe.files.locked_shards import LOCK, cache_folder
from trajprobe.files.reading import parse_json
from trajprobe.params import parse, parse_yaml
from trajprobe.repository.dvc_add import check_repository_root

#: The suffix of an object that lists the files of a folder.
DIRECTORY = ".dir"


def verify_objects(report_progress: Callable[[str], object]) -> str:
    """Hashes every object of DVC's cache; returns a line that says how many there are.

    Args:
        report_progress: is called with a line for each damaged object: its files, and how to delete the damage.

    Raises:
        UserError: some objects are damaged.
    """
    check_repository_root()
    cache = cache_folder().absolute()
    objects = sorted((cache / "files/md5").glob("[0-9a-f][0-9a-f]/*"))
    damaged = [path for path in objects if path.suffix != ".tmp" and file_md5(path) != _named_md5(path)]
    paths = paths_by_object(cache)
    for path in damaged:
        files, md5 = paths.get(path.parent.name + path.name, []), file_md5(path)
        # Files with the damaged bytes came from this object. Any other bytes may be the only copy, and stay.
        copies = [file for file in files if file.is_file() and file_md5(file) == md5]
        owners = ", ".join(map(str, files)) or "of another branch or an earlier run"
        report_progress(
            f"{path}: got md5 {md5}, expected that of its name ({owners}); "
            f"delete it: rm -f {shlex.join(map(str, [path, *copies]))}"
        )
    if damaged:
        raise UserError(
            f"{cache}: {len(damaged)} of {len(objects)} objects are damaged; delete those named above, then run `dvc "
            "pull` to fetch them or `dvc repro` to make them again (`dvc commit` restores an object from a file in the "
            "workspace that is not damaged)"
        )
    return f"{cache}: all {len(objects)} objects are intact"


def paths_by_object(cache: Path) -> dict[str, list[Path]]:
    """The files that dvc.lock and the .dvc files name, by the md5 of their object.

    Files inside folders are included where the cache has the folder's list.
    """
    paths = defaultdict[str, list[Path]](list)
    for path, md5 in _outs():
        paths[md5].append(path)
        for name, its_md5 in _listing(cache / "files/md5" / md5[:2] / md5[2:]) if md5.endswith(DIRECTORY) else ():
            paths[its_md5].append(path / name)
    return paths


def locked_stages() -> dict[str, Any]:
    """The stages of dvc.lock."""
    if not LOCK.is_file():
        return {}
    lock = parse_yaml(LOCK.read_text(encoding="utf-8", errors="replace"), LOCK)
    stages = lock.get("stages", {}) if isinstance(lock, dict) else None
    return parse(stages, dict[str, dict[str, Any]], f"{LOCK}: is damaged; `git checkout {LOCK}` restores it: `stages`")


def _outs() -> Iterator[tuple[Path, str]]:
    for stage in locked_stages().values():
        yield from ((Path(out["path"]), out["md5"]) for out in stage.get("outs", ()))
    for dvc_file in Path("data").rglob("*.dvc"):
        pointer = parse_yaml(dvc_file.read_text(encoding="utf-8", errors="replace"), dvc_file)
        where = f"{dvc_file}: is damaged; `git checkout {dvc_file}` restores it"
        for out in parse(pointer, dict[str, Any], where).get("outs", ()):
            entry = parse(out, dict[str, Any], f"{where}: `outs`")
            yield dvc_file.parent / str(entry.get("path")), str(entry.get("md5"))


def _listing(path: Path) -> list[tuple[str, str]]:
    try:
        return [(entry["relpath"], entry["md5"]) for entry in parse_json(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError):  # the list is missing, or is itself damaged
        return []


def _named_md5(path: Path) -> str:
    return path.parent.name + path.name.removesuffix(DIRECTORY)
