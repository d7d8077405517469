"""Names for unfinished files and folders, which prove that they are ours and whether somebody still needs them.

A name is `.NAME.MACHINE-PID-RANDOM.trajprobe-tmp`: the file that is to be made, the machine and the process that make
it. A leftover is what such a process did not live to rename. It is deleted by whatever next writes a file of that NAME,
or by `trajprobe doctor`. Files of running processes, and files with any other name, are never touched.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNFINISHED = "trajprobe-tmp"  #: the ending of an unfinished file or folder
#: Age in seconds from which a file of another machine counts as left: whether its process runs can't be seen from here.
ABANDONED = 86_400
_NAME = re.compile(r"\.(.+)\.([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{8}\.([a-z-]+)", re.DOTALL)


def temporary_path(path: Path, ending: str = UNFINISHED) -> Path:
    """A new name beside `path`, for a file or folder that this process makes."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.{ending}")


def target_name(path: Path, ending: str = UNFINISHED) -> str | None:
    """The name that a file with a name of `temporary_path` was to get; None for a file with any other name."""
    match = _NAME.fullmatch(path.name)
    return match[1] if match and match[4] == ending else None


def is_left(path: Path) -> bool:
    """Whether the process that made this file, with a name of `temporary_path`, is gone."""
    match = _NAME.fullmatch(path.name)
    if not match:
        return False
    if match[2] == _machine():
        return process_is_gone(int(match[3]))
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED
    except FileNotFoundError:  # finished a moment ago
        return False


def leftovers(folder: Path, name: str | None = None, ending: str = UNFINISHED) -> Iterator[Path]:
    """What processes that are gone have left in a folder; with `name`, only what was to become a file of that name."""
    try:
        paths = [Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(f".{ending}")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for path in paths:
        target = target_name(path, ending)
        if target is not None and name in (None, target) and is_left(path):
            yield path


def sweep(path: Path) -> None:
    """Deletes what processes that are gone have left of earlier attempts to make `path`."""
    for leftover in leftovers(path.parent, path.name):
        delete(leftover)


def delete(path: Path) -> bool:
    """Deletes a file, or a folder with all that is in it; returns whether it is gone. A link's target stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return not os.path.lexists(path)


def process_is_gone(pid: int) -> bool:
    """Whether no process of this machine has that number; one that ended and is not waited for counts as gone."""
    import psutil  # slow to import, and needed for leftovers alone

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _machine() -> str:
    """What distinguishes the processes of this machine from those of others, and a container's from its host's."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # not on every system
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]
