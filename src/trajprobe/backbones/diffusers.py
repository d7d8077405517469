"""Family diffusers: the encoder of any 3-D autoencoder of diffusers, by the name of its class.

These autoencoders make the latents that models of video are trained on. A latent is the mean of its distribution, so
nothing is drawn. The decoder is not kept, and takes no part in features.

`architecture: {preset: wan-2.1}` in params.yaml stands for the keys of `Architecture` in parts/presets/diffusers.yaml;
`{}` stands for cosmos-cv8x8x8. A key beside `preset` replaces the preset's.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from einops import rearrange
from msgspec import Meta
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.backbones.parts import model_settings, tokenizer
from trajprobe.backbones.parts.diffusers_network import NOT_OF_LATENTS, Network, autoencoder_class, defaults
from trajprobe.backbones.parts.idle_parameters import idle_parameters
from trajprobe.errors import visible, visible_names
from trajprobe.params import Parameters

LAYERS = ("hidden", "latents")
PACKAGES = ("diffusers",)
PRESET = "cosmos-cv8x8x8"
#: Architectures that were tried.
_tried: set[bytes] = set()


class Architecture(Parameters, frozen=True, kw_only=True):
    """A class of diffusers, its configuration, and what its tokens stand for."""

    model: str  #: the class, such as AutoencoderKLWan
    #: Keys of its configuration that do not have the class's default.
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    frames_per_token: Annotated[int, Meta(ge=1, le=32)]  #: but for the first token of a clip, which is of one frame
    pixels_per_token: Annotated[int, Meta(ge=1, le=64)]  #: the side of a token's square

    def __post_init__(self) -> None:
        key = msgspec.json.encode(self)
        if key not in _tried:
            _try(self)
            _tried.add(key)


def build(architecture: Architecture) -> Network:
    """With random weights, as the class itself initialises them."""
    network = Network(autoencoder_class(architecture.model)(**architecture.config))
    return network.to(next(network.parameters()).device)  # tables of constants are made on the CPU, whatever is asked


def load(architecture: Architecture, folder: Path) -> tuple[Network, str]:
    """The network with the weights of `folder`, and the sha256 of their file; raises as `weights.load`."""
    network = build(architecture)  # not on torch's meta device: its tables of constants are in no file
    return network, weights.load(folder, network)


def _try(architecture: Architecture) -> None:
    """Runs a network of the architecture once, on torch's meta device, where nothing is computed.

    Raises:
        ValueError: the class does not have a key, it does not run, its tokens stand for another number of frames or
            pixels, or a parameter takes no part in them.
    """
    got = f"got model {architecture.model}"
    model_settings.check_settings(architecture.config)
    settings = defaults(autoencoder_class(architecture.model))
    if unknown := [key for key in architecture.config if key not in settings]:
        unused = [key for key in unknown if key in NOT_OF_LATENTS]
        reason = "changes no latent" if unused else f"an {architecture.model} does not have"
        raise ValueError(f"got config {', '.join(unused or unknown)}, which {reason}; leave it out")
    t, side = architecture.frames_per_token, architecture.pixels_per_token
    # So many tokens that no other length of a token gives as many.
    clip, expected = (1 + (t + 1) * t, (side + 1) * side, (side + 1) * side), (t + 2, side + 1, side + 1)
    with torch.device("meta"), torch.enable_grad():
        network = _or_reason(lambda: build(architecture).eval().requires_grad_(), f"{got}, which can't be made of this")
        x = torch.empty(1, 3, *clip)
        shapes = " x ".join(map(str, clip))
        hidden, latents = _or_reason(lambda: network.layers(x), f"{got}, which can't run on {shapes}")
    for layer in (latents, hidden):
        if layer.shape[2:] != expected:
            raise ValueError(
                f"{got}, which makes {' x '.join(map(str, layer.shape[2:]))} tokens of {shapes}, expected "
                f"{' x '.join(map(str, expected))}; set frames_per_token and pixels_per_token to what it has"
            )
    if idle := idle_parameters(network, [latents]):
        raise ValueError(
            f"{got}, of whose {len(list(network.parameters()))} parameters {len(idle)} take no part in latents "
            f"({visible_names(idle, 3)})"
        )


def _or_reason(call: Callable[[], Any], got: str) -> Any:
    """What `call` returns; ValueError with the reason where it fails."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 (a class can fail in any way)
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{got}: {visible(lines[0], 200)}") from None


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless the frames and pixels of a `clip` (t h w) fill their tokens.

    Of other lengths most of the classes drop the last frames, without a word. One frame alone makes some of their
    parameters idle.
    """
    step, side = architecture.frames_per_token, architecture.pixels_per_token
    if clip[0] == 1 or (clip[0] - 1) % step:
        lengths = ", ".join(str(1 + k * step) for k in (1, 2, 3))
        raise ValueError(
            f"got clips of {clip[0]} frames, expected {step}k + 1 for {architecture.model}: {lengths}, ..."
        )
    if clip[1] % side or clip[2] % side:
        raise ValueError(
            f"got clips of {clip[1]} x {clip[2]} pixels, expected multiples of {side} for {architecture.model}"
        )


def preprocess(video: Tensor, _: object = None) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t h w] in [-1, 1]."""
    return rearrange(video, "b t h w c -> b c t h w").float() / 127.5 - 1


def layer(network: Network, x: Tensor, name: str) -> Tensor:
    """Input [b c t h w] -> one of `LAYERS` [b d t' h' w'].

    Raises:
        ValueError: the layer does not exist, or the network can't take x.
    """
    return layers(network, x, [name])[0]


def layers(network: Network, x: Tensor, names: Sequence[str]) -> list[Tensor]:
    """As `layer`, of each of `names`; the encoder runs once."""
    tokenizer.check_layers(names, LAYERS)
    outputs = dict(zip(LAYERS, network.layers(x), strict=True))
    return [outputs[name] for name in names]
