"""Reads torch checkpoints that others wrote, without running any code that is in them."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.published.stub_classes import make_stub

#: torch refuses names of these modules, even where a stub class stands in for them.
BLOCKED_MODULES = ("os", "posix", "nt", "sys")


@dataclass(frozen=True)
class Checkpoint:
    """What `torch.save` wrote to `path`."""

    path: Path
    content: Any  #: tensors and plain values; stub classes and their objects for all else
    foreign_names: list[str]  #: the classes and functions that the file names; none was imported or run


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Its tensors stay on disk until they are used.

    A stub class replaces each class and function that torch does not know, so a file loads without the packages of
    its authors: Lightning's checkpoints have classes of Lightning as keys, and hyper-parameters in a Namespace.

    Raises:
        UserError: the file can't be read, is no torch archive, is damaged, or would run code.
    """
    _check_archive(path)
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


def state_dict(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The `state_dict` of a checkpoint.

    Raises:
        UserError: it has none.
    """
    content = checkpoint.content
    if isinstance(content, Mapping):
        state = content.get("state_dict")
        if isinstance(state, Mapping) and all(isinstance(name, str) for name in state):
            return state
        got = f"a dictionary of {len(content)} keys ({visible_names(content, 3)})" if content else "an empty dictionary"
    else:
        got = f"a {visible_name(type(content).__name__)}"
    raise UserError(
        f"{checkpoint.path}: got {got} without `state_dict`, expected a Lightning checkpoint; is it another model's?"
    )


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


def _check_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
        is_zip = zipfile.is_zipfile(path)
        names = zipfile.ZipFile(path).namelist() if is_zip else []
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); give the path of a checkpoint") from None
    if start != b"PK\x03\x04":
        if not start:
            reason = "is empty"
        elif start.startswith(b"\x80"):
            reason = "is a bare pickle, as torch wrote it until version 1.5, and was not loaded"
        else:
            reason = f"is no torch archive (it begins with {start!r})"
        raise UserError(f"{path}: {reason}; expected a .ckpt as torch.save has written it since version 1.6")
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
