"""Writes files atomically: after a crash or on a full disk, a file is complete or absent.

A file is written to a temporary name in the same folder, flushed to disk, and renamed.
"""

import csv
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.temporary import delete, sweep, temporary_path

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


def write_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """Writes `data` to `path`, completely or not at all.

    The file gets `mode`; by default whoever may read the folder may read it, as far as the umask allows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = temporary_path(path)
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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


def mend(path: Path) -> str:
    """How to restore a damaged file or folder that DVC holds; the end of an error's message."""
    return (
        f"delete {path} and run `dvc checkout {path}`, or `dvc repro` to make it again; if it comes back damaged, run "
        "`trajprobe cache verify`"
    )


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON with sorted keys. The same value gives the same bytes."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def read_npz(
    path: Path,
    missing: str = "is not there; `dvc repro` makes it, `dvc pull` fetches it",
    remedy: str = "",
) -> dict[str, NDArray[Any]]:
    """All arrays of an npz, by name. Never unpickles.

    Args:
        path: the file.
        missing: the message for a file that does not exist.
        remedy: the advice for a damaged file; by default, how to restore a file that DVC holds.

    Raises:
        UserError: the file is missing, damaged, no npz, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(np.lib.format.MAGIC_PREFIX))
            file.seek(0)
            if start == np.lib.format.MAGIC_PREFIX:
                raise UserError(f"{path}: is a single array, expected an npz of named arrays; save it with numpy.savez")
            if not start.startswith(b"PK"):
                raise UserError(f"{path}: is no npz file, as numpy.savez writes it; {remedy or mend(path)}")
            with np.load(file, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        raise UserError(f"{path}: {missing}") from None
    except (OSError, EOFError, ValueError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            reason = "holds Python objects, which are never unpickled; save numbers or strings, padded with NaN"
        else:
            reason = f"is damaged ({error}); {remedy or mend(path)}"
        raise UserError(f"{path}: {reason}") from None


def read_json(path: Path) -> Any:
    """What `write_json` wrote.

    Raises:
        UserError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: is not there; `dvc repro` makes it, `dvc pull` fetches it") from None
    except (ValueError, UnicodeDecodeError):
        raise UserError(f"{path}: is no valid JSON; {mend(path)}") from None


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
