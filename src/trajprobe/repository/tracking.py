"""Puts under DVC what a user brings in; what stood there before comes back when that fails."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.repository.dvc_command import dvc


def check_top() -> None:
    """Raises UserError unless the current folder is the top of a DVC repository."""
    if not Path(".dvc").is_dir():
        raise UserError(f"{Path.cwd()}: is not the top of the repository (no .dvc here); go there first")


def pointer(place: Path) -> Path:
    """The small file by which git knows what DVC holds at `place`."""
    return place.with_name(place.name + ".dvc")


@contextmanager
def tracked(place: Path) -> Iterator[None]:
    """The block writes `place`, a file or a folder, anew; then it is `dvc add`ed.

    Whatever fails, the block included, leaves `place` and its .dvc file as they were.

    Raises:
        UserError: DVC refuses.
    """
    known = pointer(place).read_bytes() if pointer(place).is_file() else None
    new = [folder for folder in place.parents if not folder.exists()]
    aside = _set_aside(place)
    try:
        yield
        dvc("add", str(place))
    except BaseException:
        _remove(place)
        pointer(place).unlink(missing_ok=True)
        if known is not None:
            pointer(place).write_bytes(known)
        if _is_there(aside):
            aside.replace(place)
        for folder in new:
            with suppress(OSError):  # not there, or no longer empty
                folder.rmdir()
        raise
    _remove(aside)


def _set_aside(place: Path) -> Path:
    """Renames `place`, which costs nothing and never writes through a link into DVC's cache; returns the new name."""
    aside = place.with_name(f".{place.name}.aside")
    if _is_there(place):
        _remove(aside)  # by a process that was killed
        place.replace(aside)
    return aside


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
