"""VideoGPT's VQ-VAEs: those that its authors published, and those that others train with its code.

They are Lightning 1.x checkpoints. `state_dict` holds the network alone, under its own names. `hyper_parameters` holds
the `args` of the training, an argparse.Namespace. Only `args` states the strides: (4, 2, 2) and (4, 4, 4) make tensors
of the same shapes. A file does not say what it was trained on, and no hash was published, so that is not checked.
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
from trajprobe.published.checkpoint import Checkpoint, is_plain_tensor, state_dict
from trajprobe.published.source import LocalFiles, Selection
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
            tensors say; or a tensor is missing, not in the network, of another shape or type, or not finite.
    """
    checkpoint = single_file.checkpoint_of(files)
    path, state = checkpoint.path, state_dict(checkpoint)
    if single_file.lacks_time_axis(state) or not any(landmark in state for landmark in LANDMARKS):
        raise UserError(
            f"{path}: got {single_file.checkpoint_kind(state)}, expected the VQ-VAE's of VideoGPT; {_REMEDY}"
        )
    hyper = _hyper_parameters(checkpoint)
    _check_strides(hyper, name, path)
    tensors = _plain_tensors(state, path)
    _check_sizes(hyper, tensors, path)
    weights.check(tensors, _expected(hyper, path), path)
    resolution = (
        {"resolution": hyper.resolution} if hyper.resolution else {}
    )  # a row must have each value of a provenance
    architecture = hyper.shape | resolution
    return single_file.selection(
        files,
        checkpoint,
        tensors,
        summary=f"{len(state)} entries, a VQ-VAE of {hyper.n_codes} codes and stride {_strides(hyper)}",
        provenance={"architecture": architecture, "entries": len(state), "trained_frames": hyper.sequence_length},
        usage="used by these lines of params.yaml, under `rows` and `clips`:",
        params_lines=(_row(hyper, name), _format(hyper)),
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


def _check_strides(hyper: HyperParameters, name: str, path: Path) -> None:
    """Refuses strides that differ from those in `name`, where it has any."""
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
    last, codebook = "encoder.conv_last.conv.weight", "codebook.embeddings"
    for key, axes in ((last, 5), (codebook, 2)):
        if key not in tensors or tensors[key].ndim != axes:
            raise UserError(f"{path}: has no {key} of {axes} axes, expected one; {_REMEDY}")
    sizes = {
        "n_hiddens": (tensors[last].shape[0], last),
        "embedding_dim": (tensors[codebook].shape[1], codebook),
        "n_codes": (tensors[codebook].shape[0], codebook),
        "n_res_layers": (_count(tensors, r"encoder\.res_stack\.(\d+)\.block"), "encoder.res_stack"),
    }
    for name, (expected, where) in sizes.items():
        if (got := getattr(hyper, name)) != expected:
            raise UserError(f"{path}: got hyper-parameter {name} {got}, expected {expected} as {where} has; {_REMEDY}")
    halvings, convs = max(hyper.downsample).bit_length() - 1, _count(tensors, r"encoder\.convs\.(\d+)")
    if halvings != convs:
        downsample = f"downsample {list(hyper.downsample)}, {halvings} halvings"
        raise UserError(f"{path}: got hyper-parameter {downsample}, expected {convs} as encoder.convs has; {_REMEDY}")


def _count(tensors: dict[str, Tensor], pattern: str) -> int:
    """How many different numbers the group of `pattern` has among the names of `tensors`."""
    return len({match[1] for name in tensors if (match := re.match(pattern, name))})


def _expected(hyper: HyperParameters, path: Path) -> dict[str, Tensor]:
    try:
        with torch.device("meta"):
            return VideoGPT(**hyper.shape).state_dict()
    except (ValueError, RuntimeError) as error:  # the network's own, and torch's for tensors too large to be counted
        raise UserError(f"{path}: its hyper-parameters make no network: {error}; {_REMEDY}") from None


def _row(hyper: HyperParameters, name: str) -> str:
    """A row of `rows`; its `architecture` states what differs from the family's default."""
    default = Architecture()
    shape = {
        key: list(value) if isinstance(value, tuple) else value
        for key in Architecture.__struct_fields__
        if (value := getattr(hyper, key)) not in (None, getattr(default, key))
    }
    inside = ", ".join(f"{key}: {value}" for key, value in shape.items())
    architecture = f"architecture: {{{inside}}}, " if shape else ""
    return (
        f"{name}: {{family: {FAMILY}, clips: {_clips(hyper)}, weights: {name}, like: {name}, {architecture}"
        "layer: latents}"
    )


def _clips(hyper: HyperParameters) -> str:
    """The name of a format in `clips`: that of the clips in training."""
    return f"t{_frames(hyper)}x{_resolution(hyper)}"


def _format(hyper: HyperParameters) -> str:
    return f"{_clips(hyper)}: {{frames: {_frames(hyper)}, resolution: {_resolution(hyper)}}}"


def _resolution(hyper: HyperParameters) -> int:
    return hyper.resolution or Architecture().resolution


def _frames(hyper: HyperParameters) -> int:
    """Frames of the row's clips: upstream accepts any number, this network multiples of its stride."""
    step = hyper.downsample[0]
    return hyper.sequence_length // step * step or step
