"""Reads files that anyone may have made: what they declare is looked at before anything is allocated or believed.

A file that can't be read is what the operating system says of it. A damaged file is one whose bytes contradict
themselves. A file that is larger than the memory of the machine is neither.
"""

import errno
import json
import math
import stat
import warnings
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible, visible_name, visible_names
from trajprobe.files import memory

MISSING = "is not there; `dvc repro` makes it, `dvc pull` fetches it"
#: Bytes of the longest header of an array: numpy's own have 128, and with the most axes some 700.
HEADER = 4096
#: Bytes that a deflated byte stands for at most (zlib's own limit): what declares more can't be true.
DEFLATED = 1032
#: The ways in which numpy packs arrays. Others (LZMA, bzip2) may ask for any memory to unpack.
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Bytes of the record at the end of a zip at most, with its comment.
END = 22 + 2**16
#: numpy's letters for booleans, integers, real numbers, strings and bytes.
PLAIN = "biufUS"
#: Code points of a string are below.
UNICODE = 0x110000
#: Memory that parsed JSON takes at most, as a multiple of the file's size.
JSON_MEMORY = 12


class _Damage(Exception):  # noqa: N818 (never shown: `read_npz` catches it)
    """How the bytes of a file contradict themselves."""


class _Member(NamedTuple):
    """An array of an npz, as its header declares it."""

    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def mend(path: Path) -> str:
    """How to restore a damaged file or folder that DVC holds; the end of an error's message."""
    return (
        f"delete {path} and run `dvc checkout {path}`, or `dvc repro` to make it again; if it comes back damaged, run "
        "`trajprobe cache verify`"
    )


def read_npz(
    path: Path,
    required: Collection[str],
    optional: Collection[str] = (),
    missing: str = MISSING,
    remedy: str = "",
    kinds: str = PLAIN,
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Arrays of an npz by name: those `required`, and those of `optional` that it has. Never unpickles.

    Args:
        path: the file.
        required: names of arrays that it must have.
        optional: names of further arrays.
        missing: the message for a file that does not exist.
        remedy: the advice for a damaged file; by default, how to restore a file that DVC holds.
        kinds: numpy's letters for the types that are taken.

    Returns:
        The arrays, and the names of the file's other arrays, which are not read.

    Raises:
        UserError: the file is missing, can't be read, is no npz or is damaged; an array is missing, is of another kind,
            or is larger than the free memory.
    """
    with _opened(path, missing, remedy) as archive:
        infos = _infos(archive)
        if lacking := [name for name in required if name not in infos]:
            keys = visible_names(sorted(infos)) or "none"
            raise UserError(f"{path}: no `{lacking[0]}`; expected {' and '.join(required)}, got the keys {keys}")
        names = [name for name in (*required, *optional) if name in infos]
        members = {name: _declared(archive, infos[name]) for name in names}
        for name, member in members.items():
            _check_kind(path, name, member.dtype, kinds)
        size = sum(member.size for member in members.values())
        memory.require(size, str(path), "take fewer or shorter tracks, or a machine with more memory")
        return {name: _array(archive, member) for name, member in members.items()}, sorted(infos.keys() - {*names})


def declared_arrays(path: Path, missing: str, remedy: str) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and type of each array of an npz, by name, as `read_npz` would find them; nothing is read.

    Raises:
        UserError: the file is missing, can't be read, is no npz or is damaged.
    """
    with _opened(path, missing, remedy) as archive:
        members = {name: _declared(archive, info) for name, info in _infos(archive).items()}
        return {name: (member.shape, member.dtype) for name, member in members.items()}


@contextmanager
def _opened(path: Path, missing: str, remedy: str) -> Iterator[zipfile.ZipFile]:
    """An npz to read from; whatever that raises at its bytes becomes a UserError."""
    check_file(path, missing)
    try:
        _check_start(path)
        with zipfile.ZipFile(path) as archive:
            _check_count(path, len(archive.infolist()))
            yield archive
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 (zipfile and numpy raise anything at the bytes of an untrusted file)
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # EINVAL: a place before the file
            _refuse_unreadable(path, error)
        reason = error if isinstance(error, _Damage) else f"is damaged ({visible(error, 200) or type(error).__name__})"
        raise UserError(f"{path}: {reason}; {remedy or mend(path)}") from None


def read_json(path: Path, missing: str = MISSING, remedy: str = "") -> Any:
    """The content of a JSON file.

    Args:
        path: the file.
        missing: the message for a file that does not exist.
        remedy: the advice for a damaged file; by default, how to restore a file that DVC holds.

    Raises:
        UserError: the file is missing, can't be read, or is no JSON as `parse_json` says.
    """
    check_file(path, missing)
    try:
        memory.require(JSON_MEMORY * path.stat().st_size, str(path), "is it the right file?")
        data = path.read_bytes()
    except OSError as error:
        _refuse_unreadable(path, error)
    try:
        return parse_json(data)
    except ValueError as error:
        raise UserError(f"{path}: is no valid JSON ({error}); {remedy or mend(path)}") from None


def parse_json(data: bytes | str) -> Any:
    """The value of a JSON text, read strictly.

    Raises:
        ValueError: it is no JSON in UTF-8; a key stands twice in an object; a number is not finite or has thousands of
            digits; a string has half a character (a lone surrogate); or brackets are nested too deeply.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_distinct_keys, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\u" in text:  # the only way to half a character
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except ValueError as error:
        raise ValueError(visible(error, 200)) from None
    return value


def check_file(path: Path, missing: str) -> None:
    """Raises UserError unless `path` is a file that exists: reading a pipe might never end."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"{path}: {missing}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        _refuse_unreadable(path, error)
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}, expected a file")


def _refuse_unreadable(path: Path, error: Exception) -> NoReturn:
    reason = getattr(error, "strerror", None) or error
    raise UserError(f"{path}: cannot be read ({reason}); get access to it, or check the disk") from None


def _check_start(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(np.lib.format.MAGIC_PREFIX))
    if start == np.lib.format.MAGIC_PREFIX:
        raise UserError(f"{path}: is a single array, expected an npz of named arrays; save it with numpy.savez")
    if not start.startswith(b"PK"):
        raise _Damage("is no npz file, as numpy.savez writes it")


def _check_count(path: Path, count: int) -> None:
    """Refuses a zip that states another number of members at its end than were read, which zipfile does not compare."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, END), 2)
        end = file.read()
    place = end.rfind(b"PK\5\6") + 10
    stated = int.from_bytes(end[place : place + 2], "little")
    if stated not in (count, 0xFFFF):  # the latter stands for any number
        raise _Damage(f"is damaged (it states {stated} arrays and has {count})")


def _infos(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an npz by name; other members are none of its arrays."""
    infos: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        archive.open(info).close()  # its name stands in two places, which zipfile compares here
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            continue
        if name in infos:
            raise _Damage(f"is damaged (it has `{visible_name(name)}` twice)")
        infos[name] = info
    return infos


def _declared(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    """The array of a member as its header declares it, once that agrees with the member's and the file's size."""
    name = f"`{visible_name(info.filename)}`"
    if info.compress_type not in PACKED:
        raise _Damage(f"is damaged, or {name} is not packed as numpy.savez and numpy.savez_compressed do")
    with archive.open(info) as file:
        start = BytesIO(file.read(HEADER))
    version = np.lib.format.read_magic(start)
    if version not in ((1, 0), (2, 0)):
        raise _Damage(f"is damaged, or {name} is no array of plain numbers or strings")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape, _, dtype = read_header(start, max_header_size=HEADER)
    if not all(type(length) is int and length >= 0 for length in shape):
        raise _Damage(f"is damaged ({name} declares the shape {visible(shape, 100)})")
    member = _Member(info, shape, dtype)
    if not dtype.hasobject and start.tell() + member.size != info.file_size:
        declared = f"{name} declares {member.size:,} bytes and has {info.file_size - start.tell():,}"
        raise _Damage(f"is damaged ({declared})")
    packed = info.compress_size * (DEFLATED if info.compress_type == zipfile.ZIP_DEFLATED else 1)
    if info.file_size > packed:
        raise _Damage(f"is damaged ({name} declares {info.file_size:,} bytes, packed into {info.compress_size:,})")
    return member


def _check_kind(path: Path, name: str, dtype: np.dtype[Any], kinds: str) -> None:
    if dtype.hasobject:
        raise UserError(
            f"{path}: `{name}` holds Python objects, which are never unpickled; save numbers or strings, padded with "
            "NaN"
        )
    if dtype.kind not in kinds:
        raise UserError(f"{path}: got `{name}` of {visible(dtype, 100)}, expected numbers or strings; use .astype")


def _array(archive: zipfile.ZipFile, member: _Member) -> NDArray[Any]:
    with archive.open(member.info) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False, max_header_size=HEADER)
        file.read(1)  # to the end, where zipfile compares the checksum
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        points = np.ascontiguousarray(array).reshape(-1).view(f"{array.dtype.byteorder}u4")
        if points.max() >= UNICODE:
            raise _Damage("is damaged (it has strings of no characters)")
    return array


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"`{visible_name(twice)}` stands twice in an object")
    return values


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{visible(text, 40)} is too large a number")
    return number
