"""What the sources share whose weights are the tensors of one checkpoint file."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from trajprobe.backbones.weights import MODEL
from trajprobe.errors import UserError, visible_names
from trajprobe.files.atomic import file_sha256
from trajprobe.published.checkpoint import Checkpoint, load_checkpoint
from trajprobe.published.source import LocalFiles, Selection
from trajprobe.published.state_dict import StateDict

#: Types that float32 holds exactly.
NARROW = (torch.float16, torch.bfloat16)
#: Parts of tensor names in models that generate tokens: those of Open-MAGVIT2, VideoGPT and their kin.
_GENERATOR_NAMES = ("transformer", "first_stage_model", "tok_emb", "attn_stack.", "vqvae.")


def files_at(path: Path) -> dict[str, Path]:
    """The user's checkpoint, by its file name.

    Raises:
        UserError: `path` is a folder.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder, expected a checkpoint, which is one file; give the path of that file")
    return {path.name: path}


def checkpoint_of(files: LocalFiles) -> Checkpoint:
    """The checkpoint in the one file of `files`; raises as `load_checkpoint` does."""
    (path,) = files.paths.values()
    return load_checkpoint(path)


def widened(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors`, those of half precision or bfloat16 as float32 where the network has that: the same values."""
    return {
        name: tensor.float() if tensor.dtype in NARROW and _is_float32(expected.get(name)) else tensor
        for name, tensor in tensors.items()
    }


def _is_float32(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.dtype == torch.float32


def selection(
    files: LocalFiles,
    checkpoint: Checkpoint,
    state: StateDict,
    tensors: Mapping[str, Tensor],
    *,
    types: Iterable[torch.dtype],
    summary: str,
    provenance: Mapping[str, Any],
    usage: str,
    params_lines: tuple[str, ...] = (),
) -> Selection:
    """The selection of `tensors`, by their names in the family's network, from the checkpoint of `files`.

    `types` are those that they had in the file; a summary and the provenance say what was changed.
    """
    ((name, sha256),) = files.sha256.items()
    lines = [f"{name}: {summary}; sha256 {sha256}"]
    if state.wrappers:
        lines.append(f"{name}: names were taken without `{state.wrappers}`, which a wrapper had put there")
        provenance = {**provenance, "wrappers": state.wrappers}
    narrow = Counter(str(kind) for kind, tensor in zip(types, tensors.values(), strict=True) if kind != tensor.dtype)
    if narrow:
        counts = " and ".join(f"{count} {kind.removeprefix('torch.')}" for kind, count in sorted(narrow.items()))
        lines.append(f"{name}: of the {len(tensors)} tensors, {counts} were widened to float32")
        provenance = {**provenance, "widened": dict(sorted(narrow.items()))}
    if checkpoint.foreign_names:
        names = visible_names(checkpoint.foreign_names, 50)
        lines.append(f"{name}: names classes or functions that were neither imported nor run: {names}")
        provenance = {**provenance, "not_run": checkpoint.foreign_names}
    return Selection(
        partial(_write, tensors), tuple(lines), provenance, f"{len(tensors)} tensors, {usage}", params_lines
    )


def lacks_time_axis(state: Mapping[str, Any]) -> bool:
    """Whether the convolutions of encoder and decoder have no time axis, as in a tokenizer of images."""
    parts = ("encoder", "decoder")
    axes = {value.ndim for key, value in state.items() if isinstance(value, Tensor) and key.startswith(parts)}
    return 4 in axes and 5 not in axes


def checkpoint_kind(state: Mapping[str, Any]) -> str:
    """The model whose checkpoint `state` seems to be, by its names. The message that refuses a wrong file has it."""
    if lacks_time_axis(state):
        return "an image tokenizer's checkpoint (its convolutions have no time axis)"
    if any(part in key for key in state for part in _GENERATOR_NAMES):
        return "the checkpoint of a transformer that generates tokens"
    if any(key.startswith(("codebook.", "pre_vq_conv", "post_vq_conv")) for key in state):
        return "a VideoGPT tokenizer's checkpoint"
    if any(key.startswith(("encoder.down.", "decoder.up.")) for key in state):
        return "an Open-MAGVIT2 tokenizer's checkpoint"
    return f"another model's checkpoint ({len(state)} entries: {visible_names(state, 3)})"


def _write(tensors: Mapping[str, Tensor], folder: Path) -> str:
    path = folder / MODEL
    save_file(_separate(tensors), path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return file_sha256(path)


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as safetensors takes them: contiguous, no two in one storage. Only the others are copied."""
    storages: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        fits = tensor.is_contiguous() and storage not in storages
        separate[name] = tensor.detach() if fits else tensor.detach().clone(memory_format=torch.contiguous_format)
        storages.add(storage)
    return separate
