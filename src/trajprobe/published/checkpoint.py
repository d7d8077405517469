"""Reads checkpoints that others wrote, torch's and safetensors, without running any code that is in them."""

import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trajprobe.errors import UserError, visible_names
from trajprobe.published.stub_classes import make_stub

#: torch refuses names of these modules, even where a stub class stands in for them.
BLOCKED_MODULES = ("os", "posix", "nt", "sys")


@dataclass(frozen=True)
class Checkpoint:
    """What `torch.save` wrote to `path`, or safetensors."""

    path: Path
    content: Any  #: tensors and plain values; stub classes and their objects for all else
    foreign_names: list[str]  #: the classes and functions that the file names; none was imported or run


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Its tensors stay on disk until they are used.

    A stub class replaces each class and function that torch does not know, so a file loads without the packages of
    its authors: Lightning's checkpoints have classes of Lightning as keys, and hyper-parameters in a Namespace.

    Raises:
        UserError: the file can't be read, is neither a torch archive nor safetensors, is damaged, or would run code.
    """
    if (start := _start(path))[8:9] == b"{":  # after the length of its header, in 8 bytes
        return Checkpoint(path, _safetensors(path), [])
    _check_archive(path, start)
    names: list[str] = []
    calls: set[str] = set()
    try:
        # torch leaves out the names that it knows itself, so none of these is replaced.
        names += sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
        calls.update(name for name in names if name.partition(".")[0] in BLOCKED_MODULES)
        content = _unpickled(path, names, calls)
    except Exception as error:  # noqa: BLE001 (torch states no exceptions; a damaged file can raise any)
        if not calls:
            raise UserError(f"{path}: {_damage(error, names)}") from None
    if calls:
        raise UserError(
            f"{path}: would run code when it is loaded ({visible_names(sorted(calls), 3)}), so it was not loaded; "
            "expected tensors and plain values alone; ask its authors for such a file"
        )
    return Checkpoint(path, content, names)


def is_plain_tensor(value: object) -> bool:
    """Whether `value` is a dense tensor that holds its values."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta


def _unpickled(path: Path, names: list[str], calls: set[str]) -> Any:
    replacements: list[Any] = [
        # Lightning's AttributeDict becomes a plain dictionary, the only kind that torch fills.
        (OrderedDict if name.endswith(".AttributeDict") else make_stub(name, calls), name)
        for name in names
    ]
    with torch.serialization.safe_globals(replacements):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _start(path: Path) -> bytes:
    """The first 9 bytes."""
    try:
        with path.open("rb") as file:
            return file.read(9)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); give the path of a checkpoint") from None


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)  # mapped, not read
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is a damaged safetensors file ({_first_line(error)}); get it again") from None


def _check_archive(path: Path, start: bytes) -> None:
    try:
        is_zip = zipfile.is_zipfile(path)
        names = zipfile.ZipFile(path).namelist() if is_zip else []
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); give the path of a checkpoint") from None
    if not start.startswith(b"PK\x03\x04"):
        if not start:
            reason = "is empty"
        elif start.startswith(b"\x80"):
            reason = "is a bare pickle, as torch wrote it until version 1.5, and was not loaded"
        else:
            reason = f"is no torch archive (it begins with {start[:4]!r})"
        raise UserError(
            f"{path}: {reason}; expected a .ckpt as torch.save has written it since version 1.6, or safetensors"
        )
    if not is_zip:
        raise UserError(
            f"{path}: is cut short or damaged ({path.stat().st_size:,} bytes, its end is missing); get it again"
        )
    if not any(name.endswith("/data.pkl") for name in names):
        raise UserError(f"{path}: is a zip file but no torch archive; expected a .ckpt that `torch.save` wrote")


def _damage(error: Exception, names: list[str]) -> str:
    if not isinstance(error, pickle.UnpicklingError):
        return f"is damaged ({_first_line(error)}); get it again"
    # torch's own message is left out: it is long, and its first advice is to load the file without protection.
    named = f" (it names {visible_names(sorted(names), 3)})" if names else ""
    return (
        f"its pickle is damaged or of an unusual kind, and was not loaded{named}; get it again, or ask its authors for "
        "a file of the `state_dict` alone"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
