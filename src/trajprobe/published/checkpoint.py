"""Torch checkpoints that others wrote, read without running anything that is in them."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.published.stand_ins import stand_in

#: Modules of which torch takes no name, whatever is put in its place.
BLOCKED = ("os", "posix", "nt", "sys")


@dataclass(frozen=True)
class Checkpoint:
    """What `torch.save` wrote to `path`."""

    path: Path
    content: Any  #: tensors, plain values, and stand-ins for the rest
    foreign: list[str]  #: the classes and functions that it names; none was imported or run


def digest(path: Path) -> str:
    """sha256 of a file, in hex, read in pieces.

    Raises:
        UserError: the file can't be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the path of a checkpoint") from None


def load(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Its tensors stay on disk until they are used.

    What it names and torch does not know is a stand-in, so that a file loads without the packages of those who
    wrote it: Lightning keys its records by classes of its own, and keeps the hyper-parameters in a Namespace.

    Raises:
        UserError: the file can't be read, is no torch archive, is damaged, or wants to run code.
    """
    _check_archive(path)
    names: list[str] = []
    wanted: set[str] = set()
    try:
        # Torch's own names are not among these, so none of them is replaced.
        names += sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
        wanted.update(name for name in names if name.partition(".")[0] in BLOCKED)
        content = _unpickled(path, names, wanted)
    except Exception as error:  # noqa: BLE001 (a damaged file can fail in any way, and torch names none)
        if not wanted:
            raise UserError(f"{path}: {_damage(error, names)}") from None
    if wanted:
        raise UserError(
            f"{path}: wants to run code when it is opened ({some(wanted)}), and was not loaded; expected tensors and "
            "plain values; ask for a file without them"
        )
    return Checkpoint(path, content, names)


def entries(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The `state_dict` of a checkpoint.

    Raises:
        UserError: there is none.
    """
    content = checkpoint.content
    if isinstance(content, Mapping):
        state = content.get("state_dict")
        if isinstance(state, Mapping) and all(isinstance(name, str) for name in state):
            return state
        keys = [str(key) for key in content]
        got = f"a table of {len(keys)} ({', '.join(keys[:3])})" if keys else "an empty table"
    else:
        got = f"a {type(content).__name__}"
    raise UserError(
        f"{checkpoint.path}: got {got} with no `state_dict`, expected a Lightning checkpoint; another model's file?"
    )


def is_plain(value: object) -> bool:
    """Whether an entry is a tensor with its values, one after the other."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta


def some(names: Collection[str], most: int = 3) -> str:
    """The first of `names`, fit to be printed, and how many more there are."""
    shown = [name if name.isprintable() else ascii(name) for name in sorted(names)[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def _unpickled(path: Path, names: list[str], wanted: set[str]) -> Any:
    known: list[Any] = [
        # Lightning's dict with attributes. Torch fills no dict but a plain one, and a plain one is all that is needed.
        (OrderedDict if name.endswith(".AttributeDict") else stand_in(name, wanted), name)
        for name in names
    ]
    with torch.serialization.safe_globals(known):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _check_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
        whole = zipfile.is_zipfile(path)
        names = zipfile.ZipFile(path).namelist() if whole else []
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); give the path of a checkpoint") from None
    if start != b"PK\x03\x04":
        if not start:
            found = "is empty"
        elif start.startswith(b"\x80"):
            found = "is a bare pickle, which torch wrote until version 1.5, and was not opened"
        else:
            found = f"is no torch archive (it begins with {start!r})"
        raise UserError(f"{path}: {found}; expected a .ckpt as torch.save has written it since version 1.6")
    if not whole:
        raise UserError(
            f"{path}: is cut short or damaged ({path.stat().st_size:,} bytes, its end is missing); get it again"
        )
    if not any(name.endswith("/data.pkl") for name in names):
        raise UserError(f"{path}: is a zip file but no torch archive; expected a .ckpt that `torch.save` wrote")


def _damage(error: Exception, names: list[str]) -> str:
    if not isinstance(error, pickle.UnpicklingError):
        return f"is damaged ({_first_line(error)}); get it again"
    # Not torch's words: they are long, and begin with the advice to load the file without any protection.
    named = f" (it names {some(names)})" if names else ""
    return (
        f"its pickle is damaged or of an unusual kind, and was not loaded{named}; get it again, or ask for a file with "
        "its `state_dict` alone"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
