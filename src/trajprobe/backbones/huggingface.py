"""Family huggingface: any vision backbone of transformers, of video or of images, by the name of its class.

A video model takes clips of its own number of frames. An image model takes frames, all of a batch at once and identical
ones only once; the time axis is kept. Pretrained weights are loaded completely or not at all.

`architecture: {preset: clip-vit-b32}` in params.yaml stands for the keys of `Architecture` in
parts/presets/huggingface.yaml; `{}` stands for videomae-base. A key beside `preset` replaces the preset's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch
from einops import rearrange
from msgspec import Meta
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from trajprobe.backbones.parts import model_settings, preprocessor_files, transformers_files
from trajprobe.backbones.parts.idle_parameters import idle_parameters
from trajprobe.backbones.parts.pixel_values import Pixels, pixel_values
from trajprobe.backbones.parts.transformers_classes import below_head, model_class
from trajprobe.backbones.parts.transformers_network import Network, patch
from trajprobe.errors import UserError, visible_names

LAYERS = ("last",)
#: Poolings beside those of the grid of tokens: the class token, and the pooled output of the model itself.
POOLINGS = ("cls", "pooler")
PACKAGES = ("transformers",)
PRESET = "videomae-base"
#: Classes that are published with a larger `image_size` than their input: they interpolate their position embeddings.
INTERPOLATING = ("Dinov2Model", "Dinov2WithRegistersModel")
#: Depths that `depth` found, by architecture.
_depths: dict[bytes, int] = {}


class Architecture(Pixels, frozen=True, kw_only=True):
    """A class of transformers, its configuration, and its preprocessing."""

    model: str  #: the class, such as VideoMAEModel
    #: Keys of its configuration that do not have the class's default.
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    frames: Annotated[int, Meta(ge=1, le=10_000)] | None = None  #: of a video model's clips; None: a model of images
    order: Literal["t h w", "h w t"] = "t h w"  #: of a clip's tokens

    def __post_init__(self) -> None:
        super().__post_init__()
        config = configuration(self)
        size = getattr(config, "image_size", self.crop)
        side = size if isinstance(size, int) else max(size)  # a number, or height and width
        if self.model not in INTERPOLATING and side != self.crop:
            raise ValueError(f"got crop {self.crop}, expected {side}, the model's image_size")
        if (frames := getattr(config, "num_frames", self.frames)) != self.frames:
            raise ValueError(f"got frames {self.frames or 'left out'}, expected {frames}, the model's num_frames")
        sees_clips = any(hasattr(config, key) for key in ("num_frames", "tubelet_size"))
        if self.frames and not sees_clips:
            raise ValueError(f"got frames {self.frames}, but {self.model} sees images; leave `frames` out")
        if sees_clips and not self.frames:
            raise ValueError(f"got frames left out, but {self.model} sees clips; say of how many frames")
        clip, token = (self.frames or 1, self.crop, self.crop), patch(config)
        if token and any(length % part for length, part in zip(clip, token, strict=True)):
            got, expected = (" x ".join(map(str, lengths)) for lengths in (clip, token))
            raise ValueError(f"got {got}, expected multiples of {expected}, the size of a token")
        depth(self)


def configuration(architecture: Architecture) -> PreTrainedConfig:
    """A new configuration for each network, since transformers writes into them.

    Raises:
        ValueError: the class does not have a key, or the values contradict each other.
    """
    model = model_class(architecture.model)
    kind: Any = model.config_class
    model_settings.check_settings(architecture.config)
    if unknown := architecture.config.keys() - kind().to_dict().keys():
        raise ValueError(f"got config {', '.join(sorted(unknown))}, which a {kind.__name__} does not have")
    try:
        config: PreTrainedConfig = kind(**architecture.config)
    except Exception as error:  # noqa: BLE001 (transformers checks values with errors of many kinds)
        raise ValueError(f"got config {architecture.config}: {' '.join(str(error).split())[-200:]}") from None
    model_settings.check_extent(config)
    return model_settings.with_attention(config, model)


def build(architecture: Architecture) -> Network:
    """With random weights, as the class itself initialises them."""
    return _network(model_class(architecture.model)(configuration(architecture)), architecture)


def _network(model: PreTrainedModel, architecture: Architecture) -> Network:
    return Network(model, architecture.frames, architecture.crop, architecture.order)


def load(architecture: Architecture, folder: Path) -> tuple[Network, str]:
    """The network with the weights of `folder`, and the sha256 of their file.

    Raises:
        UserError: config.json or the preprocessing of the folder contradicts the architecture; else as
            `transformers_files.load`.
    """
    model_type = model_class(architecture.model)
    ours = transformers_files.settings(configuration(architecture))
    theirs = transformers_files.config_of(model_type, folder)
    if ours != theirs:
        differing = {key for key in ours | theirs if ours.get(key) != theirs.get(key)}
        got, expected = ({key: side[key] for key in sorted(differing & side.keys())} for side in (ours, theirs))
        raise UserError(
            f"{folder / transformers_files.CONFIG}: got a row whose `architecture.config` has {got}, expected "
            f"{expected or 'nothing'} there, which these weights were trained with"
        )
    pixels = preprocessor_files.pixels_of(folder)
    for key in Pixels.__struct_fields__:
        if (value := getattr(architecture, key)) != (trained := getattr(pixels, key)):
            raise UserError(
                f"{folder}: got a row with {key} {value}, expected {trained}, which these weights were trained with"
            )
    model, digest = transformers_files.load(model_type, folder)
    return _network(model, architecture).eval(), digest


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless a `clip` (t h w) has as many frames as the model takes; a model of images takes any."""
    if architecture.frames not in (None, clip[0]):
        raise ValueError(
            f"got clips of {clip[0]} frames, expected {architecture.frames}, which {architecture.model} takes"
        )


def depth(architecture: Architecture) -> int:
    """The number of the last hidden layer, 0 being the input of the first one; -1: the model has `last` alone.

    A model of the architecture is tried once, on torch's meta device, where nothing is computed.

    Raises:
        ValueError: it does not run, a parameter takes no part in what it makes of frames, or that has no grid.
    """
    key = msgspec.json.encode(architecture)
    if key not in _depths:
        _depths[key] = _trial(architecture)
    return _depths[key]


def _trial(architecture: Architecture) -> int:
    clip = (architecture.frames or 1, architecture.crop, architecture.crop)
    got = f"got model {architecture.model}"
    try:
        with torch.device("meta"), torch.enable_grad():
            network = build(architecture).eval().requires_grad_()
            out, _ = network(torch.empty(1, 3, *clip), hidden=True)
    except Exception as error:  # noqa: BLE001 (a class can fail in any way)
        reason = transformers_files.first_line(error)
        raise ValueError(f"{got}, which transformers can't run on {' x '.join(map(str, clip))}: {reason}") from None
    if getattr(out, "last_hidden_state", None) is None:
        raise ValueError(f"{got}, which gives no last_hidden_state; name the class of the whole backbone")
    outputs = [output for output in (network.last(out), getattr(out, "pooler_output", None)) if output is not None]
    backbone = below_head(network.model)
    if idle := idle_parameters(backbone, outputs):
        raise ValueError(
            f"{got}, of whose {len(list(backbone.parameters()))} parameters {len(idle)} take no part in what it makes "
            f"of frames ({visible_names(idle, 3)}); name the class of the part that sees them"
        )
    try:
        network.split(network.last(out))
    except ValueError as error:
        raise ValueError(f"{got}: {error}") from None
    states = network.states(out)
    try:
        for state in states:
            network.split(state)
    except ValueError:  # some are of frames alone, or of places alone (VideoPrism)
        return -1
    return len(states) - 1


def preprocess(video: Tensor, architecture: Architecture) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t s s], s = `crop`."""
    return pixel_values(video, architecture)


def layer(network: Network, x: Tensor, name: str | int) -> Tensor:
    """The grid of tokens [b d t h w] of the last layer, or of the hidden layer of that number.

    Raises:
        ValueError: x does not have the size that the model takes, or the model gives fewer tokens than a grid has.
    """
    return layers(network, x, [name])[0]


def pooled(network: Network, x: Tensor, name: str | int, pooling: str) -> Tensor:
    """The class token of a layer (`cls`), or the model's pooled output (`pooler`): [b t d], t = 1 for a video model.

    Raises:
        ValueError: the model has no such token or output, or the layer of `pooler` is not the last.
    """
    return layers(network, x, [(name, pooling)])[0]


def layers(network: Network, x: Tensor, keys: Sequence[Any]) -> list[Tensor]:
    """As `layer` of each of `keys`, or as `pooled` of a pair; the model runs once."""
    names = [key[0] if isinstance(key, tuple) else key for key in keys]
    out, rows = network(x, hidden=any(name != "last" for name in names))
    return [
        rearrange(_pooled(network, out, rows, *key), "(b t) d -> b t d", b=len(x))
        if isinstance(key, tuple)
        else _grid(network, out, rows, key, len(x))
        for key in keys
    ]


def _grid(network: Network, out: Any, rows: Tensor | None, name: str | int, clips: int) -> Tensor:
    _, grid = network.split(network.tokens(out, rows, name))
    return grid if network.frames else rearrange(grid, "(b t) d 1 h w -> b d t h w", b=clips)


def _pooled(network: Network, out: Any, rows: Tensor | None, name: str | int, pooling: str) -> Tensor:
    """[n d], n = b, for images n = b * t."""
    if pooling == "cls":
        outside, _ = network.split(network.tokens(out, rows, name))
        if not outside.shape[1]:
            raise ValueError(f"got pooling cls, but {type(network.model).__name__} has no such token; use tmean")
        return outside[:, 0]
    output: Tensor | None = getattr(out, "pooler_output", None)
    if norm := getattr(network.model, "fc_norm", None):  # VideoMAE fine-tuned: the input of its classifier
        output = norm(out.last_hidden_state.mean(1))
    if output is None:
        raise ValueError(f"got pooling pooler, but {type(network.model).__name__} has none; use tmean")
    if name != "last":
        raise ValueError(f"got pooling pooler of layer {name}, expected `last`; use another pooling")
    output = output.flatten(1)  # some keep axes of length 1
    return output if rows is None else output[rows]
