"""Family huggingface: any vision backbone of transformers, of video or of images, by the name of its class.

A video model sees clips of its own number of frames. An image model sees frames, all of a batch at once and those that
are the same only once; the time axis is kept. Pretrained weights are loaded completely or not at all.
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

from trajprobe.backbones.parts import transformers_files
from trajprobe.backbones.parts.pixel_values import Pixels, pixel_values
from trajprobe.errors import UserError

LAYERS = ("last",)
DISCRETE: tuple[str, ...] = ()
#: Poolings of what stands outside the grid of tokens: the first one, and what the model itself makes of all of them.
POOLINGS = ("cls", "pooler")
PACKAGES = ("transformers",)
#: Classes that see other sizes than their `image_size`, as they are published: they interpolate their positions.
INTERPOLATING = ("Dinov2Model", "Dinov2WithRegistersModel")
#: Arguments of a class's call that keep it from computing what no feature needs.
CALLS: Mapping[str, Mapping[str, Any]] = {"VJEPA2Model": {"skip_predictor": True}}


class Architecture(Pixels, frozen=True, kw_only=True):
    """A class of transformers, the shape of its network, and what it sees."""

    model: str  #: the class, as VideoMAEModel
    #: What of its configuration is not the class's default.
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    frames: Annotated[int, Meta(ge=1)] | None = None  #: of a video model's clips; without it, the model is of images
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
            raise ValueError(f"got {clip}, expected multiples of {t} x {h} x {w}, which a token stands for")


def model_class(name: str) -> type[PreTrainedModel]:
    """The class of transformers of that name.

    Raises:
        ValueError: there is none, or it is no model.
    """
    found = getattr(transformers, name, None) if name.isidentifier() else None
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel) and found.config_class):
        raise ValueError(f"got model {name}, expected a model class of transformers, as VideoMAEModel")
    return found


def configuration(architecture: Architecture) -> PreTrainedConfig:
    """A configuration of its own for each network: transformers writes into them.

    Raises:
        ValueError: a key that the class does not know, or values that do not go together.
    """
    kind: Any = model_class(architecture.model).config_class
    if unknown := architecture.config.keys() - kind().to_dict().keys():
        raise ValueError(f"got config {', '.join(sorted(unknown))}, which a {kind.__name__} does not have")
    try:
        config: PreTrainedConfig = kind(**architecture.config)
    except Exception as error:  # noqa: BLE001 (transformers checks values with errors of many kinds)
        raise ValueError(f"got config {architecture.config}: {' '.join(str(error).split())[-200:]}") from None
    return config


def patch(config: PreTrainedConfig) -> tuple[int, int, int]:
    """The frames, rows and columns that a token stands for.

    Raises:
        ValueError: the configuration does not tell.
    """
    tubelet, side = getattr(config, "tubelet_size", 1), getattr(config, "patch_size", None)
    if isinstance(tubelet, list | tuple):
        sides = tuple(tubelet)
    else:
        sides = (tubelet, *side) if isinstance(side, list | tuple) else (tubelet, side, side)
    if len(sides) != 3 or not all(isinstance(each, int) and each > 0 for each in sides):
        raise ValueError(f"got patches of {sides}, expected frames, rows and columns of a {type(config).__name__}")
    return sides


class Network(nn.Module):
    """A model of transformers and how it is used."""

    def __init__(self, model: PreTrainedModel, architecture: Architecture) -> None:
        super().__init__()
        self.model, self.architecture = model, architecture
        t, h, w = patch(model.config)
        self.grid = ((architecture.frames or 1) // t, architecture.crop // h, architecture.crop // w)

    def forward(self, x: Tensor, *, hidden: bool = False) -> tuple[Any, Tensor | None]:
        """Input [b c t h w] -> the model's output, and which of its rows each frame has; None for a video model.

        Raises:
            ValueError: x is not of the size that the model takes.
        """
        shape = self.architecture
        expected = (3, shape.frames or x.shape[2], shape.crop, shape.crop)
        if tuple(x.shape[1:]) != expected:
            raise ValueError(f"got an input of shape {tuple(x.shape)}, expected [b c t h w] with c t h w = {expected}")
        if shape.frames:
            seen, place = rearrange(x, "b c t h w -> b t c h w"), None
        else:
            seen, place = distinct(rearrange(x, "b c t h w -> (b t) c h w"))
        backbone = self.model.base_model  # of a classifier, what is below its head; else the model itself
        call = CALLS.get(type(backbone).__name__, {})
        return backbone(**{self.model.main_input_name: seen}, output_hidden_states=hidden, **call), place

    def tokens(self, x: Tensor, layer: str | int) -> Tensor:
        """Input [b c t h w] -> tokens [n s d] of the last layer or one by number; n = b, or b * t of images."""
        out, place = self(x, hidden=layer != "last")
        tokens: Tensor = out.last_hidden_state if layer == "last" else out.hidden_states[int(layer)]
        return tokens if place is None else tokens[place]


def distinct(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames [n c h w] -> those that differ from one another [m c h w], and for each of the n its place among them."""
    every = torch.arange(len(frames), device=frames.device)
    if frames.is_meta:  # nothing to compare: a forecast counts them all
        return frames, every
    bits = frames.flatten(1).float().contiguous().view(torch.int32)
    keys = torch.randint(2**62, bits.shape[1:], generator=torch.Generator().manual_seed(0)).to(frames.device)
    sums = torch.stack([(row * keys).sum() for row in bits])  # modulo 2^64: the same on any device, in any order
    _, place = torch.unique(sums, return_inverse=True)
    first = every.new_full((int(place.max()) + 1,), len(frames)).scatter_reduce(0, place, every, "amin")
    if not all(torch.equal(frames[i], frames[of]) for i, of in enumerate(first[place].tolist()) if i != of):
        return frames, every  # different frames of one sum
    return frames[first], place


def build(architecture: Architecture) -> Network:
    """With random weights, as the class itself draws them."""
    return Network(model_class(architecture.model)(configuration(architecture)), architecture)


def load(architecture: Architecture, folder: Path) -> tuple[Network, str]:
    """The network with the weights of `folder`, and their file's sha256.

    Raises:
        UserError: the folder is of another architecture, or as `transformers_files.load`.
    """
    kind = model_class(architecture.model)
    ours = transformers_files.settings(configuration(architecture))
    theirs = transformers_files.config_of(kind, folder)
    if ours != theirs:
        differing = {key for key in ours | theirs if ours.get(key) != theirs.get(key)}
        got, expected = ({key: told[key] for key in sorted(differing & told.keys())} for told in (ours, theirs))
        raise UserError(
            f"{folder / transformers_files.CONFIG}: got a row whose `architecture.config` has {got}, expected "
            f"{expected or 'nothing'} there, which these weights were trained with"
        )
    pixels = transformers_files.pixels_of(folder)
    for key in Pixels.__struct_fields__:
        if (had := getattr(architecture, key)) != (wanted := getattr(pixels, key)):
            raise UserError(
                f"{folder}: got a row with {key} {had}, expected {wanted}, which these weights were trained with"
            )
    model, digest = transformers_files.load(kind, folder)
    return Network(model, architecture).eval(), digest


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless a `clip` (t h w) has as many frames as the model takes; images may be any number."""
    if architecture.frames not in (None, clip[0]):
        raise ValueError(
            f"got clips of {clip[0]} frames, expected {architecture.frames}, which {architecture.model} takes"
        )


def depth(architecture: Architecture) -> int:
    """The number of the last hidden layer; 0 is what the first one gets."""
    layers: int = configuration(architecture).num_hidden_layers
    return layers


def preprocess(video: Tensor, architecture: Architecture) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t s s], s = `crop`."""
    return pixel_values(video, architecture)


def layer(network: Network, x: Tensor, name: str | int) -> Tensor:
    """The grid of tokens [b d t h w] of the last layer, or of the hidden layer of that number."""
    tokens, (t, h, w) = network.tokens(x, name), network.grid
    before = tokens.shape[1] - t * h * w  # tokens outside the grid
    if before < 0:
        raise ValueError(f"got {tokens.shape[1]} tokens, expected at least {t} x {h} x {w}")
    grid = rearrange(tokens[:, before:], f"n ({network.architecture.order}) d -> n d t h w", t=t, h=h, w=w)
    return grid if network.architecture.frames else rearrange(grid, "(b t) d 1 h w -> b d t h w", b=len(x))


def pooled(network: Network, x: Tensor, name: str | int, pooling: str) -> Tensor:
    """What stands outside the grid: [b t d], t = 1 for a video model.

    Raises:
        ValueError: the model has no such token, or `pooler` is asked of another layer than the last.
    """
    t, h, w = network.grid
    if pooling == "cls":
        tokens = network.tokens(x, name)
        if tokens.shape[1] == t * h * w:
            raise ValueError(f"got pooling cls, but {network.architecture.model} has no such token; use tmean")
        found = tokens[:, 0]
    else:
        out, place = network(x)
        whole: Tensor | None = getattr(out, "pooler_output", None)
        if norm := getattr(network.model, "fc_norm", None):  # VideoMAE fine-tuned: what its classifier sees
            whole = norm(out.last_hidden_state.mean(1))
        if whole is None:
            raise ValueError(f"got pooling pooler, but {network.architecture.model} has none; use tmean")
        if name != "last":
            raise ValueError(f"got pooling pooler of layer {name}, expected `last`; use another pooling")
        found = whole if place is None else whole[place]
    return rearrange(found, "(b t) d -> b t d", b=len(x))
