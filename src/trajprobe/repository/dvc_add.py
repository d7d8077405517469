"""Adds to DVC what a user brings in. If that fails, the files are as they were before."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.imported import dvc_file
from trajprobe.repository.dvc_command import dvc


def check_repository_root() -> None:
    """Raises UserError unless the current folder is the root of a DVC repository."""
    if not Path(".dvc").is_dir():
        raise UserError(f"{Path.cwd()}: is not the root of the repository (it has no .dvc folder); change to the root")


@contextmanager
def added_to_dvc(path: Path) -> Iterator[None]:
    """Runs `dvc add` on `path`, once the block has written that file or folder anew. Its md5 is recorded.

    If the block or DVC fails, `path` and its .dvc file are as they were before.

    Raises:
        UserError: DVC refuses.
    """
    old_dvc_file = dvc_file(path).read_bytes() if dvc_file(path).is_file() else None
    new_folders = [folder for folder in path.parents if not folder.exists()]
    backup = _back_up(path)
    try:
        yield
        imported.record(path)
        dvc("add", str(path))
    except BaseException:
        _remove(path)
        dvc_file(path).unlink(missing_ok=True)
        if old_dvc_file is not None:
            dvc_file(path).write_bytes(old_dvc_file)
        if _exists(backup):
            backup.replace(path)
        for folder in new_folders:
            with suppress(OSError):  # it does not exist, or is no longer empty
                folder.rmdir()
        raise
    _remove(backup)


def _back_up(path: Path) -> Path:
    """Renames `path` to a backup, and returns that name. A rename never writes through a link into DVC's cache."""
    backup = path.with_name(f".{path.name}.aside")
    if _exists(path):
        _remove(backup)  # left by a process that was killed
        path.replace(backup)
    return backup


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
