"""VideoGPT's VQ-VAEs, those that its authors published and those that others train with its code.

A Lightning 1.x checkpoint: `state_dict` has the network alone, under its own names; `hyper_parameters` has the `args`
that it was trained with, an argparse.Namespace. These alone tell the strides: (4, 2, 2) and (4, 4, 4) make tensors of
the same shapes. Nothing in a file tells what it was trained on, and no hash was ever published: that is not checked.
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
from trajprobe.published import kinds, one_file
from trajprobe.published.checkpoint import Checkpoint, entries, is_plain
from trajprobe.published.source import Origin, Taken
from trajprobe.published.stand_ins import StandIn

#: Of any of them, and of the published ones, where the strides (t h w) are held to the name.
NAMES = (
    "videogpt",
    "videogpt-bair-stride4x2x2",
    "videogpt-ucf101-stride4x4x4",
    "videogpt-kinetics-stride4x4x4",
    "videogpt-kinetics-stride2x4x4",
)
FAMILY = "videogpt"
#: In every VQ-VAE of VideoGPT, whatever its shape; a file with any of them is one, if perhaps not whole.
LANDMARKS = ("encoder.conv_last.conv.weight", "pre_vq_conv.conv.weight", "codebook.embeddings", "codebook.N")

Positive = Annotated[int, Meta(ge=1)]


class Shape(Parameters, frozen=True):
    """The network's part in upstream's `args`."""

    n_hiddens: Positive
    n_res_layers: Annotated[int, Meta(ge=0)]
    embedding_dim: Positive
    n_codes: Positive
    downsample: tuple[Positive, Positive, Positive]


class HyperParameters(Shape, frozen=True):
    """The same and the clips'; the default is upstream's."""

    sequence_length: Positive = 16
    resolution: Positive | None = None

    @property
    def shape(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Shape.__struct_fields__}


given = one_file.given


def place(name: str) -> NoReturn:
    """Raises UserError: they are nowhere."""
    raise UserError(
        f"weights add {name}: VideoGPT's download links are reported dead (its issues 45 and 46), and no other place "
        "is known; a checkpoint that you have is taken with --from FILE"
    )


def take(origin: Origin, name: str) -> Taken:
    """The tensors of a VQ-VAE's checkpoint, held to its hyper-parameters and these to `name`.

    Raises:
        UserError: the checkpoint is another model's; a hyper-parameter is missing, or not what `name` or the tensors
            say; a tensor is missing, left over, of another shape or type, or not finite.
    """
    checkpoint = one_file.checkpoint_of(origin)
    path, state = checkpoint.path, entries(checkpoint)
    if kinds.flat(state) or not any(landmark in state for landmark in LANDMARKS):
        raise UserError(f"{path}: got {kinds.seems(state)}, expected the VQ-VAE's of VideoGPT; {_REMEDY}")
    hyper = _hyper_parameters(checkpoint)
    _check_strides(hyper, name, path)
    plain = _plain(state, path)
    _check_sizes(hyper, plain, path)
    weights.check(plain, _expected(hyper, path), path)
    resolution = {"resolution": hyper.resolution} if hyper.resolution else {}  # a row is held to what is told
    facts = {"architecture": hyper.shape | resolution, "entries": len(state), "trained_frames": hyper.sequence_length}
    found = f"{len(state)} entries, a VQ-VAE of {hyper.n_codes} codes and stride {_strides(hyper)}"
    use = "taken by these lines of params.yaml, under `backbones` and `clips`:"
    rows = (_row(hyper, name), _format(hyper))
    return one_file.taken(origin, checkpoint, plain, found=found, facts=facts, use=use, rows=rows)


_REMEDY = "give the checkpoint that its train_vqvae.py wrote, as it is"


def _strides(hyper: HyperParameters) -> str:
    return "x".join(map(str, hyper.downsample))


def _hyper_parameters(checkpoint: Checkpoint) -> HyperParameters:
    told = checkpoint.content.get("hyper_parameters")
    args = told.get("args") if isinstance(told, Mapping) else None
    if not isinstance(args, StandIn):
        raise UserError(f"{checkpoint.path}: has no Namespace `args` in `hyper_parameters`, expected one; {_REMEDY}")
    known = {name: value for name, value in vars(args).items() if name in HyperParameters.__struct_fields__}
    return parse(known, HyperParameters, f"{checkpoint.path}: `hyper_parameters.args`")


def _check_strides(hyper: HyperParameters, name: str, path: Path) -> None:
    """Refuses strides that are not those in `name`, where there are any in it."""
    named = name.partition("-stride")[2]
    if named not in ("", _strides(hyper)):
        fitting = [other for other in NAMES if other.endswith(f"-stride{_strides(hyper)}")]
        raise UserError(
            f"{path}: got stride {_strides(hyper)}, expected {named} for {name}; add it as "
            f"{' or '.join([*fitting, NAMES[0]])}"
        )


def _plain(state: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    for key, value in state.items():
        if not is_plain(value):
            raise UserError(f"{path}: got {key} that is no plain tensor, expected one; {_REMEDY}")
    return dict(state)


def _check_sizes(hyper: HyperParameters, tensors: dict[str, Tensor], path: Path) -> None:
    """Holds hyper-parameters to the tensors' shapes: a wrong one is told by its name, and before it makes a network."""
    last, rows = "encoder.conv_last.conv.weight", "codebook.embeddings"
    for key, axes in ((last, 5), (rows, 2)):
        if key not in tensors or tensors[key].ndim != axes:
            raise UserError(f"{path}: has no {key} of {axes} axes, expected one; {_REMEDY}")
    sizes = {
        "n_hiddens": (tensors[last].shape[0], last),
        "embedding_dim": (tensors[rows].shape[1], rows),
        "n_codes": (tensors[rows].shape[0], rows),
        "n_res_layers": (_count(tensors, r"encoder\.res_stack\.(\d+)\.block"), "encoder.res_stack"),
    }
    for name, (there, where) in sizes.items():
        if (got := getattr(hyper, name)) != there:
            raise UserError(f"{path}: got hyper-parameter {name} {got}, expected {there} as {where} has; {_REMEDY}")
    halvings, convs = max(hyper.downsample).bit_length() - 1, _count(tensors, r"encoder\.convs\.(\d+)")
    if halvings != convs:
        told = f"downsample {list(hyper.downsample)}, {halvings} halvings"
        raise UserError(f"{path}: got hyper-parameter {told}, expected {convs} as encoder.convs has; {_REMEDY}")


def _count(tensors: dict[str, Tensor], pattern: str) -> int:
    """How many different numbers there are in the names, where `pattern` has its group."""
    return len({found[1] for name in tensors if (found := re.match(pattern, name))})


def _expected(hyper: HyperParameters, path: Path) -> dict[str, Tensor]:
    try:
        with torch.device("meta"):
            return VideoGPT(**hyper.shape).state_dict()
    except (ValueError, RuntimeError) as error:  # the network's, and torch's of tensors too large to be numbered
        raise UserError(f"{path}: its hyper-parameters make no network: {error}; {_REMEDY}") from None


def _row(hyper: HyperParameters, name: str) -> str:
    """A row of `backbones`; its `architecture` has what is not the family's default."""
    default = Architecture()
    shape = {
        key: list(value) if isinstance(value, tuple) else value
        for key in Architecture.__struct_fields__
        if (value := getattr(hyper, key)) not in (None, getattr(default, key))
    }
    inside = ", ".join(f"{key}: {value}" for key, value in shape.items())
    return (
        f"{name}: {{family: {FAMILY}, architecture: {{{inside}}}, clips: {_clips(hyper)}, weights: {name}, "
        "layer: latents, pooling: tmean}"
    )


def _clips(hyper: HyperParameters) -> str:
    """The name of the format of `clips` that they were trained on."""
    return f"t{_frames(hyper)}x{_size(hyper)}"


def _format(hyper: HyperParameters) -> str:
    return f"{_clips(hyper)}: {{frames: {_frames(hyper)}, size: {_size(hyper)}}}"


def _size(hyper: HyperParameters) -> int:
    return hyper.resolution or Architecture().resolution


def _frames(hyper: HyperParameters) -> int:
    """Of the row's clips: upstream takes any number, this network those that its stride divides."""
    step = hyper.downsample[0]
    return hyper.sequence_length // step * step or step
