"""Family huggingface: any vision backbone of transformers, of video or of images, by the name of its class.

A video model takes clips of its own number of frames. An image model takes frames, all of a batch at once and identical
ones only once; the time axis is kept. Pretrained weights are loaded completely or not at all.

`architecture: {preset: clip-vit-b32}` in params.yaml stands for the keys of `Architecture` in
parts/presets/huggingface.yaml; `{}` stands for videomae-base. A key beside `preset` replaces the preset's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch
import transformers
from einops import rearrange
from msgspec import Meta
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from trajprobe.backbones.parts import model_settings, transformers_files
from trajprobe.backbones.parts.pixel_values import Pixels, pixel_values
from trajprobe.errors import UserError

LAYERS = ("last",)
#: Poolings beside those of the grid of tokens: the class token, and the pooled output of the model itself.
POOLINGS = ("cls", "pooler")
PACKAGES = ("transformers",)
PRESET = "videomae-base"
#: Classes that are published with a larger `image_size` than their input: they interpolate their position embeddings.
INTERPOLATING = ("Dinov2Model", "Dinov2WithRegistersModel")
#: Arguments that keep a class from computing what no feature needs.
CALLS: Mapping[str, Mapping[str, Any]] = {"VJEPA2Model": {"skip_predictor": True}}


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
        if self.model not in INTERPOLATING and (side := getattr(config, "image_size", self.crop)) != self.crop:
            raise ValueError(f"got crop {self.crop}, expected {side}, the model's image_size")
        if (frames := getattr(config, "num_frames", self.frames)) != self.frames:
            raise ValueError(f"got frames {self.frames or 'left out'}, expected {frames}, the model's num_frames")
        if self.frames and not any(hasattr(config, key) for key in ("num_frames", "tubelet_size")):
            raise ValueError(f"got frames {self.frames}, but {self.model} sees images; leave `frames` out")
        t, h, w = patch(config)
        if self.crop % h or self.crop % w or (self.frames or 1) % t:
            clip = f"{self.frames or 1} x {self.crop} x {self.crop}"
            raise ValueError(f"got {clip}, expected multiples of {t} x {h} x {w}, the size of a token")


def model_class(name: str) -> type[PreTrainedModel]:
    """The class of transformers of that name.

    Raises:
        ValueError: it does not exist, or is no model.
    """
    model = getattr(transformers, name, None) if name.isidentifier() else None
    if not (isinstance(model, type) and issubclass(model, PreTrainedModel) and model.config_class):
        raise ValueError(f"got model {name}, expected a model class of transformers, such as VideoMAEModel")
    return model


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


def patch(config: PreTrainedConfig) -> tuple[int, int, int]:
    """The frames, rows and columns of a token.

    Raises:
        ValueError: the configuration does not say.
    """
    tubelet, side = getattr(config, "tubelet_size", 1), getattr(config, "patch_size", None)
    if isinstance(tubelet, list | tuple):
        sides = tuple(tubelet)
    else:
        sides = (tubelet, *side) if isinstance(side, list | tuple) else (tubelet, side, side)
    if len(sides) != 3 or not all(isinstance(length, int) and length > 0 for length in sides):
        raise ValueError(f"got patches of {sides}, expected frames, rows and columns of a {type(config).__name__}")
    return sides


class Network(nn.Module):
    """A model of transformers and how it is called."""

    def __init__(self, model: PreTrainedModel, architecture: Architecture) -> None:
        super().__init__()
        self.model, self.architecture = model, architecture
        t, h, w = patch(model.config)
        self.grid = ((architecture.frames or 1) // t, architecture.crop // h, architecture.crop // w)

    def forward(self, x: Tensor, *, hidden: bool = False) -> tuple[Any, Tensor | None]:
        """Input [b c t h w] -> the model's output, and for each frame (b t) its row there; None for a video model.

        Raises:
            ValueError: c t h w are not those that the model takes.
        """
        shape = self.architecture
        expected = (3, shape.frames or x.shape[2], shape.crop, shape.crop)
        if tuple(x.shape[1:]) != expected:
            raise ValueError(f"got an input of shape {tuple(x.shape)}, expected [b c t h w] with c t h w = {expected}")
        if shape.frames:
            pixels, rows = rearrange(x, "b c t h w -> b t c h w"), None
        else:
            pixels, rows = distinct(rearrange(x, "b c t h w -> (b t) c h w"))
        backbone = self.model.base_model  # of a classifier, what is below its head; else the model itself
        call = CALLS.get(type(backbone).__name__, {})
        return backbone(**{self.model.main_input_name: pixels}, output_hidden_states=hidden, **call), rows

    def tokens(self, x: Tensor, layer: str | int) -> Tensor:
        """Input [b c t h w] -> tokens [n s d] of the last layer or of one by number; n = b, for images n = b * t."""
        out, rows = self(x, hidden=layer != "last")
        tokens: Tensor = out.last_hidden_state if layer == "last" else out.hidden_states[int(layer)]
        return tokens if rows is None else tokens[rows]


def distinct(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames [n c h w] -> the distinct ones [m c h w], and the number of each of the n among them, int64 [n]."""
    numbers = torch.arange(len(frames), device=frames.device)
    if frames.is_meta:  # there are no values to compare: a forecast counts all frames
        return frames, numbers
    bits = frames.flatten(1).float().contiguous().view(torch.int32)
    keys = torch.randint(2**62, bits.shape[1:], generator=torch.Generator().manual_seed(0)).to(frames.device)
    sums = torch.stack([(row * keys).sum() for row in bits])  # modulo 2^64: the same on any device, in any order
    _, group = torch.unique(sums, return_inverse=True)
    first = numbers.new_full((int(group.max()) + 1,), len(frames)).scatter_reduce(0, group, numbers, "amin")
    if not all(torch.equal(frames[i], frames[j]) for i, j in enumerate(first[group].tolist()) if i != j):
        return frames, numbers  # different frames with the same sum
    return frames[first], group


def build(architecture: Architecture) -> Network:
    """With random weights, as the class itself initialises them."""
    return Network(model_class(architecture.model)(configuration(architecture)), architecture)


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
    pixels = transformers_files.pixels_of(folder)
    for key in Pixels.__struct_fields__:
        if (value := getattr(architecture, key)) != (trained := getattr(pixels, key)):
            raise UserError(
                f"{folder}: got a row with {key} {value}, expected {trained}, which these weights were trained with"
            )
    model, digest = transformers_files.load(model_type, folder)
    return Network(model, architecture).eval(), digest


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless a `clip` (t h w) has as many frames as the model takes; a model of images takes any."""
    if architecture.frames not in (None, clip[0]):
        raise ValueError(
            f"got clips of {clip[0]} frames, expected {architecture.frames}, which {architecture.model} takes"
        )


def depth(architecture: Architecture) -> int:
    """The number of the last hidden layer; 0 is the input of the first one."""
    layers: int = configuration(architecture).num_hidden_layers
    return layers


def preprocess(video: Tensor, architecture: Architecture) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t s s], s = `crop`."""
    return pixel_values(video, architecture)


def layer(network: Network, x: Tensor, name: str | int) -> Tensor:
    """The grid of tokens [b d t h w] of the last layer, or of the hidden layer of that number.

    Raises:
        ValueError: x does not have the size that the model takes, or the model gives fewer tokens than a grid has.
    """
    tokens, (t, h, w) = network.tokens(x, name), network.grid
    outside = tokens.shape[1] - t * h * w  # class tokens and the like, which come first
    if outside < 0:
        raise ValueError(f"got {tokens.shape[1]} tokens, expected at least {t} x {h} x {w}")
    grid = rearrange(tokens[:, outside:], f"n ({network.architecture.order}) d -> n d t h w", t=t, h=h, w=w)
    return grid if network.architecture.frames else rearrange(grid, "(b t) d 1 h w -> b d t h w", b=len(x))


def pooled(network: Network, x: Tensor, name: str | int, pooling: str) -> Tensor:
    """The class token of a layer (`cls`), or the model's pooled output (`pooler`): [b t d], t = 1 for a video model.

    Raises:
        ValueError: the model has no such token or output, or the layer of `pooler` is not the last.
    """
    t, h, w = network.grid
    if pooling == "cls":
        tokens = network.tokens(x, name)
        if tokens.shape[1] == t * h * w:
            raise ValueError(f"got pooling cls, but {network.architecture.model} has no such token; use tmean")
        rows = tokens[:, 0]
    else:
        out, numbers = network(x)
        output: Tensor | None = getattr(out, "pooler_output", None)
        if norm := getattr(network.model, "fc_norm", None):  # VideoMAE fine-tuned: the input of its classifier
            output = norm(out.last_hidden_state.mean(1))
        if output is None:
            raise ValueError(f"got pooling pooler, but {network.architecture.model} has none; use tmean")
        if name != "last":
            raise ValueError(f"got pooling pooler of layer {name}, expected `last`; use another pooling")
        rows = output if numbers is None else output[numbers]
    return rearrange(rows, "(b t) d -> b t d", b=len(x))
