"""Adds to DVC what a user brings in. If that fails or is killed, the files are as they were before.

While it lasts, a folder beside `path` has what it takes to go back: `new`, the data until it takes its name; `data` and
`pointer`, the data of that name and its .dvc file as they were before; and `made.json`, the sha256 of each new file.
`made.json` comes before the first change and goes after the last, so that without it there is nothing to undo.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.atomic import file_md5, file_sha256, write_bytes, write_json
from trajprobe.files.imported import dvc_file
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.temporary import delete, leftovers, sweep, target_name, temporary_path
from trajprobe.params import parse_yaml
from trajprobe.repository.dvc_command import DVC_TEMPORARY, dvc

#: The ending of the folder by which an import is undone.
UNDO = "trajprobe-undo"


def check_repository_root() -> None:
    """Raises UserError unless the current folder is the root of a DVC repository."""
    if not Path(".dvc").is_dir():
        raise UserError(f"{Path.cwd()}: is not the root of the repository (it has no .dvc folder); change to the root")


def cached_object(md5: str) -> Path:
    """Where DVC's cache has the object of this name: an md5, or one and `.dir`."""
    return cache_folder() / "files/md5" / md5[:2] / md5[2:]


@contextmanager
def added_to_dvc(path: Path, origin: str | None = None) -> Iterator[Path]:
    """Yields a path where the block writes a file or folder; that then becomes `path`, and `dvc add` runs on it.

    The .dvc file records the md5 of each file, and the `origin` that the data comes from.

    If the block or DVC fails, or the process is killed and `finish_imports` runs, `path` and its .dvc file are as they
    were before, or both new.

    Raises:
        UserError: DVC refuses.
    """
    new_folders = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    undo = temporary_path(path, UNDO)
    undo.mkdir()
    try:
        yield undo / "new"
        if dvc_file(path).is_file():
            write_bytes(undo / "pointer", dvc_file(path).read_bytes())
        write_json(undo / "made.json", _digests(undo / "new"))
        if _exists(path):
            path.replace(undo / "data")  # never written through: it may be a link into DVC's cache
        (undo / "new").replace(path)
        imported.record(path, origin)
        dvc("add", str(path))
    except BaseException:
        _go_back(path, undo)
        for folder in new_folders:
            with suppress(OSError):  # it does not exist, or is no longer empty
                folder.rmdir()
        raise
    _close(undo)


def finish_imports(folder: Path, name: str | None = None) -> list[str]:
    """Completes or undoes the imports into a folder whose process was killed; with `name`, only that of this name.

    Returns a line for each.

    Raises:
        UserError: the data of that name is neither what the import wrote nor what was there before.
    """
    lines = []
    for undo in sorted(leftovers(folder, name, UNDO)):
        path = folder / str(target_name(undo, UNDO))
        if _is_complete(path, undo):
            lines.append(f"{path}: completed the import that was killed")
        elif not _go_back(path, undo):
            raise UserError(
                f"{path}: its import was killed, and the data there now is not what it wrote; the data of before is in "
                f"{undo}: put back what you want to keep, then delete that folder"
            )
        else:
            lines.append(f"{path}: undid the import that was killed")
        _close(undo)
    return lines


def _is_complete(path: Path, undo: Path) -> bool:
    """Whether the new data has its name, and DVC holds it and has written its .dvc file."""
    if not (undo / "made.json").exists() or (undo / "new").exists() or not _exists(path):
        return False
    try:
        (out,) = parse_yaml(dvc_file(path).read_text(encoding="utf-8"), dvc_file(path))["outs"]
        md5 = str(out["md5"])
        cached = cached_object(md5)
        if not path.is_dir():
            return file_md5(path) == md5 == file_md5(cached)
        if file_md5(cached) != md5.removesuffix(".dir"):
            return False
        listed = {entry["relpath"]: entry["md5"] for entry in json.loads(cached.read_bytes())}
    except (OSError, UnicodeDecodeError, UserError, KeyError, TypeError, ValueError):  # not written, or cut short
        return False
    return listed == {name: file_md5(path / name) for name in _digests(path)}


def _go_back(path: Path, undo: Path) -> bool:
    """Puts back what was there before; False, and nothing is changed, where the data at `path` is not the import's."""
    if not (undo / "made.json").exists():
        _close(undo)
        return True
    # Each step leaves what the next attempt needs, should this one be killed.
    if not (undo / "new").exists():
        made = json.loads((undo / "made.json").read_bytes())
        if _exists(path) and not _digests(path).items() <= made.items():
            return False
        if (undo / "pointer").exists():
            write_bytes(dvc_file(path), (undo / "pointer").read_bytes())
        else:
            dvc_file(path).unlink(missing_ok=True)
        if _exists(path):
            path.replace(undo / "new")
        else:
            (undo / "new").mkdir()
    if (undo / "data").exists() or (undo / "data").is_symlink():
        if _exists(path):
            return False
        (undo / "data").replace(path)
    _close(undo)
    return True


def _close(undo: Path) -> None:
    sweep(dvc_file(undo.with_name(str(target_name(undo, UNDO)))))
    (undo / "made.json").unlink(missing_ok=True)
    delete(undo)


def _digests(path: Path) -> dict[str, str]:
    """The sha256 of a file, under the name "."; or of each file in a folder, by its path there."""
    files = [path] if not path.is_dir() else [file for file in path.rglob("*") if file.is_file()]
    files = [file for file in files if not DVC_TEMPORARY.fullmatch(file.name)]
    return {file.relative_to(path).as_posix(): file_sha256(file) for file in sorted(files)}


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
