"""The video tokenizer that the authors of Open-MAGVIT2 published, and the layout of its checkpoint.

It is a Lightning checkpoint. Its `state_dict` holds the raw weights under the network's own names, and their moving
average (EMA), which upstream evaluates, under `model_ema.` and the name without its dots. Where the dots were can't be
told from that, so these names are always made from the network's. A training checkpoint also has the losses' networks.
People have the same tensors in other files too: without Lightning's envelope, wrapped, in half precision, safetensors.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.errors import UserError, visible_names
from trajprobe.published import single_file
from trajprobe.published.checkpoint import is_plain_tensor
from trajprobe.published.params_lines import USED_BY, params_lines
from trajprobe.published.source import HubRepository, LocalFiles, Selection
from trajprobe.published.state_dict import state_dict

NAMES = ("open-magvit2",)
REPOSITORY = "TencentARC/Open-MAGVIT2-Tokenizer-262144-Video"
FILE = "video_128_262144.ckpt"
FAMILY = "open_magvit2"
TRAINED_FRAMES = 17
CLIPS = 5, 128  #: frames and resolution of the row that is suggested, as in catalogue.yaml
PARTS = ("encoder", "decoder")
EMA = "model_ema."


files_at = single_file.files_at


def hub_repository(_name: str) -> HubRepository:
    """The repository of the released weights."""
    return HubRepository(REPOSITORY, _select_files)


def select(files: LocalFiles, name: str) -> Selection:
    """Selects the moving average, for the weights `name`; raises as `network_tensors` does."""
    return _selection(files, name, raw=False)


def select_raw(files: LocalFiles, name: str) -> Selection:
    """Selects the raw weights, for the weights `name`; raises as `network_tensors` does."""
    return _selection(files, name, raw=True)


def expected_tensors() -> dict[str, Tensor]:
    """The released architecture's tensors: their names, shapes and types, without values."""
    with torch.device("meta"):
        return OpenMagvit2().state_dict()


def ema_name(name: str) -> str:
    """The checkpoint's name for the moving average of `name`."""
    return EMA + name.replace(".", "")


def network_tensors(state: Mapping[str, Any], path: Path, *, raw: bool) -> dict[str, Tensor]:
    """The tensors of encoder and decoder by the network's own names: the moving average, or the `raw` weights.

    Both sets must have the architecture's names and shapes. With `raw`, the moving average may be missing altogether.
    Only the values of the tensors that are returned are checked. Nothing is copied.

    Raises:
        UserError: the checkpoint (`state`, read from `path`) is another model's; or a tensor is missing, not in the
            architecture, of another shape or type, or not finite.
    """
    expected = expected_tensors()
    _check_model(state, expected, path)
    plain, averaged = {name: name for name in expected}, {name: ema_name(name) for name in expected}
    _check_names(state, plain, "", path)
    if any(key in state for key in averaged.values()):
        _check_names(state, averaged, EMA, path)
        _check_shapes(state, averaged, expected, path)
    elif not raw:
        raise UserError(
            f"{path}: has no moving average of the weights (`{EMA}*`), expected its {len(expected)} tensors, since "
            f"upstream evaluates the moving average; {_REMEDY}, or select the raw weights with --raw"
        )
    _check_shapes(state, plain, expected, path)
    selected = plain if raw else averaged
    for key in selected.values():
        extremes = torch.stack(torch.aminmax(state[key]))  # NaN where any value is; isfinite of all values would copy
        if not extremes.isfinite().all():
            raise UserError(f"{path}: got {key} with a NaN or infinite value, expected finite values; {_REMEDY}")
    return {name: state[key] for name, key in selected.items()}


def entry_counts(state: Mapping[str, Any]) -> str:
    """How many entries `state` has, and of which kinds, once `network_tensors` has accepted it."""
    names = expected_tensors()
    parts = " + ".join(f"{sum(name.startswith(part) for name in names)} {part}" for part in PARTS)
    averaged = sum(ema_name(name) in state for name in names)
    twice = ", twice (raw and moving average)" if averaged else " (raw, no moving average)"
    return f"{len(state)} entries: {parts}{twice}, and {len(state) - len(names) - averaged} others"


def _select_files(names: Collection[str], where: str) -> tuple[str, ...]:
    if FILE not in names:
        raise UserError(f"{where}: has no {FILE}; get it elsewhere and give it with --from")
    return (FILE,)


def _selection(files: LocalFiles, name: str, *, raw: bool) -> Selection:
    checkpoint = single_file.checkpoint_of(files)
    state = state_dict(checkpoint, (*PARTS, EMA.removesuffix(".")))
    entries = state.entries
    found = network_tensors(entries, checkpoint.path, raw=raw)
    tensors = single_file.widened(found, expected_tensors())
    provenance = {"weights": "raw" if raw else "ema", "entries": len(entries), "trained_frames": TRAINED_FRAMES}
    return single_file.selection(
        files,
        checkpoint,
        state,
        tensors,
        types=[tensor.dtype for tensor in found.values()],
        summary=entry_counts(entries),
        provenance=provenance,
        usage=f"the {'raw weights' if raw else 'moving average'}; {USED_BY}",
        params_lines=params_lines(name, FAMILY, *CLIPS, {}, layer="latents"),
    )


_REMEDY = f"give {FILE} of {REPOSITORY}, or get it again"


def _check_model(state: Mapping[str, Any], names: Collection[str], path: Path) -> None:
    """Refuses another model's checkpoint by the model's name, not by a hundred missing tensors."""
    if single_file.lacks_time_axis(state) or not any(name in state or ema_name(name) in state for name in names):
        kind = single_file.checkpoint_kind(state)
        raise UserError(f"{path}: got {kind}, expected the video tokenizer's; {_REMEDY}")


def _check_names(state: Mapping[str, Any], keys: Mapping[str, str], prefix: str, path: Path) -> None:
    """Refuses unless the names of encoder and decoder in `state`, under `prefix`, are exactly the values of `keys`."""
    for part in PARTS:
        expected = {key for name, key in keys.items() if name.startswith(part)}
        got = {key for key in state if key.startswith(prefix + part if prefix else f"{part}.")}
        kind = f"{part} tensors" + (" of the moving average" if prefix else "")
        if missing := expected - got:
            names = visible_names(sorted(missing), 3)
            raise UserError(f"{path}: {len(missing)} of {len(expected)} {kind} missing ({names}); {_REMEDY}")
        if extra := got - expected:
            names = visible_names(sorted(extra), 3)
            raise UserError(
                f"{path}: got {len(extra)} {kind} that the architecture does not have ({names}), expected "
                f"{len(expected)} in all; {_REMEDY}"
            )


def _check_shapes(state: Mapping[str, Any], keys: Mapping[str, str], tensors: Mapping[str, Tensor], path: Path) -> None:
    for name, key in keys.items():
        got, expected = state[key], tensors[name]
        if not is_plain_tensor(got):
            raise UserError(f"{path}: got {key} that is no dense tensor, expected {tuple(expected.shape)}; {_REMEDY}")
        if got.shape != expected.shape:
            raise UserError(
                f"{path}: got {key} of shape {tuple(got.shape)}, expected {tuple(expected.shape)}; has the model "
                f"another width? {_REMEDY}"
            )
        if got.dtype not in (expected.dtype, *single_file.NARROW):
            raise UserError(f"{path}: got {key} of {got.dtype}, expected {expected.dtype}; {_REMEDY}")
