"""Writes files atomically: after a crash or on a full disk, a file is complete or absent.

A file is written to a temporary name in the same folder, flushed to disk, and renamed.
"""

import csv
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.temporary import delete, sweep, temporary_path

#: The earliest time that a zip file can state. Every member of an npz has it.
EPOCH = (1980, 1, 1, 0, 0, 0)
#: Bytes of an array's header in an npz, and more.
LONGEST_HEADER = 1024


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


@contextmanager
def writing(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Yields a file to write to. When the block ends without an error, it takes the name `path`.

    The file gets `mode`; by default whoever may read the folder may read it, as far as the umask allows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = temporary_path(path)
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """Writes `data` to `path`, completely or not at all; `mode` as `writing` has it."""
    with writing(path, mode) as file:
        file.write(data)


def link(existing: Path, path: Path, digest: str) -> None:
    """Makes `path` a second name of `existing`, whose sha256 is `digest`; a copy where the filesystem has no such link.

    No symbolic link: whoever deletes `existing` would take the file at `path` with it.

    Raises:
        UserError: `existing` was deleted or damaged since it was looked up.
    """
    with suppress(OSError):  # another filesystem, another user's file, or it is gone
        path.hardlink_to(existing)
        return
    try:
        data = existing.read_bytes()
    except FileNotFoundError:
        data = b""
    if sha256(data) != digest:
        raise UserError(f"{existing}: was deleted or damaged while this run used it; run again to make it again")
    write_bytes(path, data)


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
    """Writes an npz. The same arrays give the same bytes. No array is copied.

    numpy.savez is not used: from Python 3.11.4 on, zipfile writes other bytes for it.
    """
    with writing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            member.file_size = array.nbytes + LONGEST_HEADER  # decides alone whether the sizes take 8 bytes each
            with archive.open(member, "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder. When the block ends without an error, it replaces `path` and takes that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary, old = temporary_path(path), temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():  # renamed first: if deleting it failed halfway, neither folder would be complete
            path.replace(old)
        temporary.replace(path)
        delete(old)
    except BaseException:
        if old.exists() and not path.exists():
            old.replace(path)
        delete(temporary)
        raise
