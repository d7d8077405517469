"""Weights folders: model.safetensors and provenance.json. Loaded to the last tensor, or refused.

A recipe of `pretrain` has such a folder for each of its seeds: data/weights/NAME/SEED.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.files import imported
from trajprobe.files.atomic import file_sha256, fresh_folder, sha256, write_bytes
from trajprobe.files.checked_json import read_checked_json, write_checked_json

#: Where the weights folders are.
WEIGHTS = Path("data/weights")
MODEL, PROVENANCE = "model.safetensors", "provenance.json"


def save(folder: Path, network: nn.Module, provenance: dict[str, Any]) -> None:
    """Writes the weights of `network`, and `provenance` with their sha256, to `folder`."""
    data = save_tensors({key: tensor.contiguous() for key, tensor in network.state_dict().items()})
    with fresh_folder(folder) as temporary:
        write_bytes(temporary / MODEL, data)
        write_checked_json(temporary / PROVENANCE, provenance | {"sha256": sha256(data)})


def digest(network: nn.Module) -> str:
    """sha256 over the names, shapes, types and values of the network's weights, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


def build_and_load(build: Callable[[Any], nn.Module], architecture: Any, folder: Path) -> tuple[nn.Module, str]:
    """What `build` makes of `architecture`, with the weights of `folder`, and the file's sha256; raises as `load`."""
    with torch.device("meta"):
        network = build(architecture)
    return network, load(folder, network)


def load(folder: Path, network: nn.Module) -> str:
    """Puts the weights of `folder` into `network`, which may be on torch's meta device; returns the file's sha256.

    Raises:
        UserError: the file is missing or damaged, or a tensor is missing, left over, of another shape or type, or
            not finite.
    """
    path, digest = folder / MODEL, recorded_digest(folder)
    try:
        tensors = load_file(path)  # mapped, not read: unused tensors take no memory
    except SafetensorError as error:
        raise UserError(f"{path}: is no safetensors file ({error}); {imported.remedy(folder)}") from None
    check(tensors, network.state_dict(), path)
    network.load_state_dict(tensors, assign=True)
    return digest


def seeds(folder: Path) -> int | None:
    """How many networks the folder of a recipe holds, each in a folder named by its seed; None: it holds one network.

    Raises:
        UserError: one of the seeds 0, 1, ... is missing.
    """
    numbers = sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())
    if not numbers:
        return None
    if numbers != list(range(len(numbers))):
        raise UserError(f"{folder}: got networks of the seeds {numbers}, expected 0, 1, ...; {remedy(folder)}")
    return len(numbers)


def recorded_digest(folder: Path) -> str:
    """sha256 of the weights of `folder`, compared with the one in provenance.json.

    Raises:
        UserError: the file can't be read, or is not the recorded one.
    """
    path, recorded = folder / MODEL, provenance(folder).get("sha256")
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy(folder)}") from None
    if digest != recorded:
        raise UserError(
            f"{path}: got sha256 {digest}, expected {recorded} as {folder / PROVENANCE} has recorded; "
            f"{imported.remedy(folder)}"
        )
    return digest


def provenance(folder: Path) -> dict[str, Any]:
    """Where the weights of `folder` come from; `trained_frames` is the length of the clips they were trained on.

    Raises:
        UserError: it can't be read.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        raise UserError(f"{path}: is not there; {remedy(folder)}")
    imported.check(folder, without=[MODEL])  # whose sha256 is compared
    return read_checked_json(path, imported.remedy(folder))


def remedy(folder: Path) -> str:
    """How to get weights that are missing or incomplete."""
    return f"`dvc pull {folder}` brings it from a remote, `dvc repro` where `pretrain` makes it"


def check(tensors: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    """Refuses tensors from `path` unless names, shapes and types are exactly those `expected`, and all are finite.

    Raises:
        UserError: they are not.
    """
    missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    for reason, names in (
        (f"{len(missing)} of {len(expected)} tensors missing", missing),
        (f"{len(extra)} of {len(tensors)} tensors of no use to this architecture", extra),
    ):
        if names:
            raise UserError(f"{path}: {reason} ({visible_names(sorted(names), 3)}); another model's file?")
    for name, tensor in tensors.items():
        want = expected[name]
        if tensor.shape != want.shape or tensor.dtype != want.dtype:
            raise UserError(
                f"{path}: got {visible_name(name)} {tuple(tensor.shape)} of {tensor.dtype}, expected "
                f"{tuple(want.shape)} of {want.dtype}; is the architecture the one it was trained with?"
            )
        # Either extreme is NaN if any value is, and they need no copy, as isfinite of all would.
        if tensor.is_floating_point() and not torch.stack(torch.aminmax(tensor)).isfinite().all():
            raise UserError(f"{path}: {name} has a value that is not finite; the training or the copy went wrong")
