"""VideoGPT's VQ-VAEs: those that its authors published, and those that others train with its code.

They are Lightning 1.x checkpoints. `state_dict` holds the network alone, under its own names. `hyper_parameters` holds
the `args` of the training, an argparse.Namespace. Only `args` states the strides: (4, 2, 2) and (4, 4, 4) make tensors
of the same shapes. A file does not say what it was trained on, and no hash was published, so that is not checked.
Of a file that has the tensors alone, the name of the weights or the user states the strides.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import torch
from msgspec import Meta
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.backbones.videogpt import Architecture, VideoGPT
from trajprobe.errors import UserError
from trajprobe.params import Parameters, parse
from trajprobe.published import single_file
from trajprobe.published.checkpoint import Checkpoint, is_plain_tensor
from trajprobe.published.params_lines import USED_BY, params_lines
from trajprobe.published.source import LocalFiles, Selection, Strides
from trajprobe.published.state_dict import state_dict
from trajprobe.published.stub_classes import StubObject

#: `videogpt` is any VQ-VAE. The other names are the published ones, whose strides (t h w) must be those of the name.
NAMES = (
    "videogpt",
    "videogpt-bair-stride4x2x2",
    "videogpt-ucf101-stride4x4x4",
    "videogpt-kinetics-stride4x4x4",
    "videogpt-kinetics-stride2x4x4",
)
FAMILY = "videogpt"
#: Frames and pixels of the clips that the published ones were trained on.
CLIPS = {name: (16, 64 if "bair" in name else 128) for name in NAMES[1:]}
#: What the names of its tensors begin with.
PARTS = ("encoder", "decoder", "pre_vq_conv", "post_vq_conv", "codebook")
#: Tensors of every VQ-VAE of VideoGPT, whatever its shape. A file with any of them is one, though perhaps damaged.
LANDMARKS = ("encoder.conv_last.conv.weight", "pre_vq_conv.conv.weight", "codebook.embeddings", "codebook.N")

#: Bounds as in the family's `Architecture`: a network is made of these before its tensors are compared.
Positive = Annotated[int, Meta(ge=1, le=2**20)]


class Shape(Parameters, frozen=True):
    """The network's part of upstream's `args`."""

    n_hiddens: Positive
    n_res_layers: Annotated[int, Meta(ge=0, le=64)]
    embedding_dim: Positive
    n_codes: Positive
    downsample: tuple[Positive, Positive, Positive]


class HyperParameters(Shape, frozen=True):
    """The shape of the network, and of the clips in training; the default is upstream's."""

    sequence_length: Positive = 16
    resolution: Positive | None = None

    @property
    def shape(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Shape.__struct_fields__}


files_at = single_file.files_at


def hub_repository(name: str) -> NoReturn:
    """Raises UserError: these weights are on no hub."""
    raise UserError(
        f"weights add {name}: VideoGPT's download links are reported dead (its issues 45 and 46), and no other place "
        "is known; give a checkpoint that you have with --from FILE"
    )


def select(files: LocalFiles, name: str) -> Selection:
    """Selects the tensors of a VQ-VAE's checkpoint, whose hyper-parameters must fit its tensors and `name`.

    Raises:
        UserError: the checkpoint is another model's; a hyper-parameter is missing, or is not what `name` or the
            tensors say; nothing states the strides; or a tensor is missing, not in the network, of another shape or
            type, or not finite.
    """
    return _selection(files, name, None)


def select_strided(files: LocalFiles, name: str, strides: Strides) -> Selection:
    """As `select`, of a file whose `strides` (t h w) the user states; also raises where the file has others."""
    return _selection(files, name, strides)


def _selection(files: LocalFiles, name: str, strides: Strides | None) -> Selection:
    checkpoint = single_file.checkpoint_of(files)
    path, state = checkpoint.path, state_dict(checkpoint, PARTS)
    entries = state.entries
    if single_file.lacks_time_axis(entries) or not any(landmark in entries for landmark in LANDMARKS):
        raise UserError(
            f"{path}: got {single_file.checkpoint_kind(entries)}, expected the VQ-VAE's of VideoGPT; {_REMEDY}"
        )
    found = _plain_tensors(entries, path)
    has_parameters = "hyper_parameters" in checkpoint.content
    hyper = _hyper_parameters(checkpoint) if has_parameters else _from_tensors(found, name, strides, path)
    _check_strides(hyper, name, strides, path)
    _check_sizes(hyper, found, path)
    expected = _expected(hyper, path)
    tensors = single_file.widened(found, expected)
    weights.check(tensors, expected, path)
    # A row must have each value of a provenance.
    provenance: dict[str, Any] = {"architecture": hyper.shape, "entries": len(entries)}
    if hyper.resolution:
        provenance["architecture"]["resolution"] = hyper.resolution
    if has_parameters or name in CLIPS:
        provenance["trained_frames"] = hyper.sequence_length
    summary = f"{len(entries)} entries, a VQ-VAE of {hyper.n_codes} codes and stride {_strides(hyper)}"
    if not has_parameters:
        provenance["strides"] = "--stride" if strides else "name"
        summary += f" as {'--stride' if strides else 'its name'} says (the file has no hyper-parameters)"
    return single_file.selection(
        files,
        checkpoint,
        state,
        tensors,
        types=[tensor.dtype for tensor in found.values()],
        summary=summary,
        provenance=provenance,
        usage=USED_BY,
        params_lines=params_lines(
            name, FAMILY, _frames(hyper), _resolution(hyper), _architecture(hyper), layer="latents"
        ),
    )


_REMEDY = "give the checkpoint that its train_vqvae.py wrote, as it is"


def _strides(hyper: HyperParameters) -> str:
    return "x".join(map(str, hyper.downsample))


def _hyper_parameters(checkpoint: Checkpoint) -> HyperParameters:
    table = checkpoint.content.get("hyper_parameters")
    args = table.get("args") if isinstance(table, Mapping) else None
    if not isinstance(args, StubObject):
        raise UserError(f"{checkpoint.path}: has no Namespace `args` in `hyper_parameters`, expected one; {_REMEDY}")
    values = {name: value for name, value in vars(args).items() if name in HyperParameters.__struct_fields__}
    return parse(values, HyperParameters, f"{checkpoint.path}: `hyper_parameters.args`")


def _from_tensors(tensors: dict[str, Tensor], name: str, strides: Strides | None, path: Path) -> HyperParameters:
    """What the tensors show; and what they do not, from `strides` or from `name`."""
    stated = strides or tuple(int(stride) for stride in name.partition("-stride")[2].split("x") if stride)
    if not stated:
        raise UserError(
            f"{path}: has no hyper-parameters, and its tensors do not show the strides, expected --stride TxHxW, or a "
            f"name that states them ({', '.join(NAMES[1:])})"
        )
    sizes = {key: size for key, (size, _) in _sizes(tensors, path).items()}
    clips = dict(zip(("sequence_length", "resolution"), CLIPS[name], strict=True)) if name in CLIPS else {}
    return parse({**sizes, "downsample": stated, **clips}, HyperParameters, f"{path}: what its tensors show")


def _check_strides(hyper: HyperParameters, name: str, strides: Strides | None, path: Path) -> None:
    """Refuses strides that differ from those that the user states, or from those in `name`, where it has any."""
    if strides not in (None, hyper.downsample):
        raise UserError(
            f"{path}: got --stride {'x'.join(map(str, strides))}, expected {_strides(hyper)} as its hyper-parameters "
            "have; leave --stride out"
        )
    expected = name.partition("-stride")[2]
    if expected not in ("", _strides(hyper)):
        fitting = [other for other in NAMES if other.endswith(f"-stride{_strides(hyper)}")]
        raise UserError(
            f"{path}: got stride {_strides(hyper)}, expected {expected} for {name}; add it as "
            f"{' or '.join([*fitting, NAMES[0]])}"
        )


def _plain_tensors(state: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    for key, value in state.items():
        if not is_plain_tensor(value):
            raise UserError(f"{path}: got {key} that is no dense tensor, expected one; {_REMEDY}")
    return dict(state)


def _check_sizes(hyper: HyperParameters, tensors: dict[str, Tensor], path: Path) -> None:
    """Refuses hyper-parameters that differ from the tensors' shapes, by name and before a network is made of them."""
    for name, (expected, where) in _sizes(tensors, path).items():
        if (got := getattr(hyper, name)) != expected:
            raise UserError(f"{path}: got hyper-parameter {name} {got}, expected {expected} as {where} has; {_REMEDY}")
    halvings, convs = max(hyper.downsample).bit_length() - 1, _count(tensors, r"encoder\.convs\.(\d+)")
    if halvings != convs:
        downsample = f"downsample {list(hyper.downsample)}, {halvings} halvings"
        raise UserError(f"{path}: got hyper-parameter {downsample}, expected {convs} as encoder.convs has; {_REMEDY}")


def _sizes(tensors: dict[str, Tensor], path: Path) -> dict[str, tuple[int, str]]:
    """Hyper-parameters that shapes show: the value of each, and where it is seen."""
    last, codebook = "encoder.conv_last.conv.weight", "codebook.embeddings"
    for key, axes in ((last, 5), (codebook, 2)):
        if key not in tensors or tensors[key].ndim != axes:
            raise UserError(f"{path}: has no {key} of {axes} axes, expected one; {_REMEDY}")
    return {
        "n_hiddens": (tensors[last].shape[0], last),
        "embedding_dim": (tensors[codebook].shape[1], codebook),
        "n_codes": (tensors[codebook].shape[0], codebook),
        "n_res_layers": (_count(tensors, r"encoder\.res_stack\.(\d+)\.block"), "encoder.res_stack"),
    }


def _count(tensors: dict[str, Tensor], pattern: str) -> int:
    """How many different numbers the group of `pattern` has among the names of `tensors`."""
    return len({match[1] for name in tensors if (match := re.match(pattern, name))})


def _expected(hyper: HyperParameters, path: Path) -> dict[str, Tensor]:
    try:
        with torch.device("meta"):
            return VideoGPT(**hyper.shape).state_dict()
    except (ValueError, RuntimeError) as error:  # the network's own, and torch's for tensors too large to be counted
        raise UserError(f"{path}: its hyper-parameters make no network: {error}; {_REMEDY}") from None


def _architecture(hyper: HyperParameters) -> dict[str, Any]:
    """What differs from the family's default."""
    default = Architecture()
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key in Architecture.__struct_fields__
        if (value := getattr(hyper, key)) not in (None, getattr(default, key))
    }


def _resolution(hyper: HyperParameters) -> int:
    return hyper.resolution or Architecture().resolution


def _frames(hyper: HyperParameters) -> int:
    """Frames of the row's clips: upstream accepts any number, this network multiples of its stride."""
    step = hyper.downsample[0]
    return hyper.sequence_length // step * step or step
