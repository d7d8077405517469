"""Writes files atomically: after a crash or on a full disk, a file is complete or absent.

A file is written to a temporary name in the same folder, flushed to disk, and renamed.
"""

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The earliest time that a zip file can state. Every member of an npz has it.
EPOCH = (1980, 1, 1, 0, 0, 0)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file, in hex. The file is read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_md5(path: Path) -> str:
    """md5 of a file, in hex: the name of its object in DVC's cache. The file is read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def write_bytes(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes `data` to `path`, completely or not at all. Whoever may read the folder can read the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode & ~_umask())  # mkstemp sets 0600, which other users of a shared filesystem can't read
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def link(existing: Path, path: Path) -> None:
    """Makes `path` a second name of `existing`, without a copy: a hard link, or a symbolic one across filesystems."""
    try:
        path.hardlink_to(existing)
    except OSError:
        path.symlink_to(existing.resolve())


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON with sorted keys. The same value gives the same bytes."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV with a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, buffer.getvalue().encode())


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes an npz. The same arrays give the same bytes.

    numpy.savez is not used: from Python 3.11.4 on, zipfile writes other bytes for it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue())
    write_bytes(path, buffer.getvalue())


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder. When the block ends without an error, it replaces `path` and takes that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending in ("tmp", "old"):
        for leftover in path.parent.glob(f".{path.name}.????????.{ending}"):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():  # renamed first: if deleting it failed halfway, neither folder would be complete
            path.replace(old)
        temporary.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        if old.exists() and not path.exists():
            old.replace(path)
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
