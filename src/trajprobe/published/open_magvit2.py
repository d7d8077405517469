"""The video tokenizer that the authors of Open-MAGVIT2 published, and how its checkpoint is laid out.

A Lightning checkpoint. Its `state_dict` holds the raw weights under the network's own names, and their moving average
(EMA), which upstream evaluates with, under `model_ema.` and the name with all its dots removed. That loses where the
dots were, so names are only ever made from ours, never read back. The training layout also has the losses' networks.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.errors import UserError
from trajprobe.published import kinds, one_file
from trajprobe.published.checkpoint import entries, is_plain
from trajprobe.published.source import Origin, Place, Taken

NAMES = ("open-magvit2",)
REPOSITORY = "TencentARC/Open-MAGVIT2-Tokenizer-262144-Video"
FILE = "video_128_262144.ckpt"
FAMILY = "open_magvit2"
TRAINED_FRAMES = 17
PARTS = ("encoder", "decoder")
EMA = "model_ema."


given = one_file.given


def place(_name: str) -> Place:
    """Where the released weights are."""
    return Place(REPOSITORY, _choose)


def take(origin: Origin, name: str) -> Taken:
    """The moving average that `select` takes, under `name`; raises as that does."""
    return _take(origin, name, raw=False)


def take_raw(origin: Origin, name: str) -> Taken:
    """The raw weights that `select` takes, under `name`; raises as that does."""
    return _take(origin, name, raw=True)


def expected() -> dict[str, Tensor]:
    """The names, shapes and types that the released architecture has, without any values."""
    with torch.device("meta"):
        return OpenMagvit2().state_dict()


def ema_name(name: str) -> str:
    """What the moving average of `name` is called."""
    return EMA + name.replace(".", "")


def select(state: Mapping[str, Any], path: Path, *, raw: bool) -> dict[str, Tensor]:
    """The tensors of encoder and decoder, under the network's own names: the moving average, or the `raw` weights.

    Both sets are held to the architecture, name by name, shape by shape. A file may lack the moving average
    altogether if `raw` is asked for. Values are looked at in what is taken alone; nothing is copied.

    Raises:
        UserError: the checkpoint (`state`, read from `path`) is another model's, or a tensor is missing, left over,
            of another shape or type, or not finite.
    """
    names = expected()
    _check_kind(state, names, path)
    plain, averaged = {name: name for name in names}, {name: ema_name(name) for name in names}
    _check_names(state, plain, "", path)
    if any(key in state for key in averaged.values()):
        _check_names(state, averaged, EMA, path)
        _check_shapes(state, averaged, names, path)
    elif not raw:
        raise UserError(
            f"{path}: has no moving average of the weights (`{EMA}*`), expected {len(names)} tensors of it, since that "
            f"is what upstream evaluates; {_REMEDY}, or say --raw to take the raw weights"
        )
    _check_shapes(state, plain, names, path)
    chosen = plain if raw else averaged
    for key in chosen.values():
        extremes = torch.stack(torch.aminmax(state[key]))  # either is NaN if any value is; isfinite of all makes copies
        if not extremes.isfinite().all():
            raise UserError(f"{path}: got {key} with a NaN or infinite value, expected finite ones; {_REMEDY}")
    return {name: state[key] for name, key in chosen.items()}


def describe(state: Mapping[str, Any]) -> str:
    """How many entries `state` has, once `select` took it, and what they are."""
    names = expected()
    parts = " + ".join(f"{sum(name.startswith(part) for name in names)} {part}" for part in PARTS)
    averaged = sum(ema_name(name) in state for name in names)
    twice = ", twice (raw and moving average)" if averaged else " (raw, no moving average)"
    return f"{len(state)} entries: {parts}{twice}, and {len(state) - len(names) - averaged} others"


def _choose(names: Collection[str], where: str) -> tuple[str, ...]:
    if FILE not in names:
        raise UserError(f"{where}: has no {FILE}; get it elsewhere and give it with --from")
    return (FILE,)


def _take(origin: Origin, name: str, *, raw: bool) -> Taken:
    checkpoint = one_file.checkpoint_of(origin)
    state = entries(checkpoint)
    chosen = select(state, checkpoint.path, raw=raw)
    facts = {"weights": "raw" if raw else "ema", "entries": len(state), "trained_frames": TRAINED_FRAMES}
    use = f"the {'raw weights' if raw else 'moving average'}; a row of family {FAMILY} takes `weights: {name}`"
    return one_file.taken(origin, checkpoint, chosen, found=describe(state), facts=facts, use=use)


_REMEDY = f"give {FILE} of {REPOSITORY}, or get it again"


def _check_kind(state: Mapping[str, Any], names: Collection[str], path: Path) -> None:
    """Tells another model's file by what it seems to be, before it is told by a hundred missing names."""
    if kinds.flat(state) or not any(name in state or ema_name(name) in state for name in names):
        raise UserError(f"{path}: got {kinds.seems(state)}, expected the video tokenizer's; {_REMEDY}")


def _check_names(state: Mapping[str, Any], keys: Mapping[str, str], prefix: str, path: Path) -> None:
    """Refuses unless what `state` has of encoder and decoder under `prefix` is just the values of `keys`."""
    for part in PARTS:
        wanted = {key for name, key in keys.items() if name.startswith(part)}
        there = {key for key in state if key.startswith(prefix + part if prefix else f"{part}.")}
        kind = f"{part} tensors" + (" of the moving average" if prefix else "")
        if missing := wanted - there:
            raise UserError(f"{path}: {len(missing)} of {len(wanted)} {kind} missing ({_some(missing)}); {_REMEDY}")
        if extra := there - wanted:
            raise UserError(
                f"{path}: got {len(extra)} {kind} that the architecture does not have ({_some(extra)}), expected "
                f"{len(wanted)} in all; {_REMEDY}"
            )


def _check_shapes(
    state: Mapping[str, Any], keys: Mapping[str, str], expected: Mapping[str, Tensor], path: Path
) -> None:
    for name, key in keys.items():
        got, want = state[key], expected[name]
        if not is_plain(got):
            raise UserError(f"{path}: got {key} that is no plain tensor, expected {tuple(want.shape)}; {_REMEDY}")
        if got.shape != want.shape:
            raise UserError(
                f"{path}: got {key} of shape {tuple(got.shape)}, expected {tuple(want.shape)}; another width of the "
                f"model? {_REMEDY}"
            )
        if got.dtype != want.dtype:
            raise UserError(f"{path}: got {key} of {got.dtype}, expected {want.dtype}; {_REMEDY}")


def _some(keys: Collection[str]) -> str:
    return ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
