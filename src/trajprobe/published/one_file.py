"""What the sources have in common whose weights are the tensors of one checkpoint file."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from trajprobe.backbones.weights import MODEL
from trajprobe.errors import UserError
from trajprobe.published.checkpoint import Checkpoint, digest, load, some
from trajprobe.published.source import Origin, Taken


def given(path: Path) -> dict[str, Path]:
    """The checkpoint that the user has, by its name; raises UserError for a folder."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder, expected a checkpoint, which is one file; give that file's path")
    return {path.name: path}


def checkpoint_of(origin: Origin) -> Checkpoint:
    """The one file of `origin`; raises as `load` does."""
    (path,) = origin.files.values()
    return load(path)


def taken(
    origin: Origin,
    checkpoint: Checkpoint,
    tensors: Mapping[str, Tensor],
    *,
    found: str,
    facts: Mapping[str, Any],
    use: str,
    rows: tuple[str, ...] = (),
) -> Taken:
    """What a source takes of a checkpoint: `tensors` under the family's names."""
    ((name, sha256),) = origin.sha256.items()
    lines = [f"{name}: {found}; sha256 {sha256}"]
    if checkpoint.foreign:
        names = some(checkpoint.foreign, most=len(checkpoint.foreign))
        lines.append(f"{name}: names classes or functions that were neither imported nor run: {names}")
        facts = {**facts, "not_run": checkpoint.foreign}
    return Taken(partial(_write, tensors), tuple(lines), facts, f"{len(tensors)} tensors, {use}", rows)


def _write(tensors: Mapping[str, Tensor], folder: Path) -> str:
    path = folder / MODEL
    save_file(_apart(tensors), path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return digest(path)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as safetensors takes them, in order and no two in one storage; copies only where not so."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        fits = tensor.is_contiguous() and storage not in seen
        out[name] = tensor.detach() if fits else tensor.detach().clone(memory_format=torch.contiguous_format)
        seen.add(storage)
    return out
