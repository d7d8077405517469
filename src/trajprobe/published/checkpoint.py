"""Torch checkpoints that others wrote, read without running anything that is in them."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trajprobe.params import UserError
from trajprobe.storage import file_sha256


def digest(path: Path) -> str:
    """sha256 of a file, in hex, read in pieces.

    Raises:
        UserError: the file can't be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the path of a checkpoint") from None


def load(path: Path) -> Any:
    """What `torch.save` wrote to `path`: tensors and plain values. The tensors stay on disk until they are used.

    Raises:
        UserError: the file can't be read, is no torch archive, is damaged, or wants to run code.
    """
    _check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: {_wish(path, error)}") from None
    except Exception as error:  # noqa: BLE001 (a damaged file can fail in any way, and torch names none)
        raise UserError(f"{path}: is damaged ({_first_line(error)}); get it again") from None


def entries(loaded: Any, path: Path) -> Mapping[str, Any]:
    """The `state_dict` of a checkpoint that `load` read from `path`.

    Raises:
        UserError: there is none.
    """
    if isinstance(loaded, Mapping):
        state = loaded.get("state_dict")
        if isinstance(state, Mapping) and all(isinstance(name, str) for name in state):
            return state
        keys = [str(key) for key in loaded]
        got = f"a table of {len(keys)} ({', '.join(keys[:3])})" if keys else "an empty table"
    else:
        got = f"a {type(loaded).__name__}"
    raise UserError(f"{path}: got {got} with no `state_dict`, expected a Lightning checkpoint; another model's file?")


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


def _wish(path: Path, error: pickle.UnpicklingError) -> str:
    """Why weights_only refused: the names that the file would have called, where there are any."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except Exception:  # noqa: BLE001 (a file made to deceive can fail in any way)
        names = []
    if not names:
        return f"its pickle is damaged or unsafe, and was not loaded ({_first_line(error)}); get it again"
    shown = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"wants to run code when it is opened ({shown}), and was not loaded; expected tensors and plain values; "
        "ask for a file with its `state_dict` alone"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
