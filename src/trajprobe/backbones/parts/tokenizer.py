"""What the tokenizers share: their layers by name, and the checks of what they take.

A tokenizer's network has the methods `hidden`, `latents`, `encode` and `codes` and a quantiser, `lfq.LookupFree` or
`vq.Codebook`. Its family takes `LAYERS`, `DISCRETE`, `layer`, `layers`, `code_bits` and `from_codes` from here.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

#: The encoder's last hidden layer, the latents before quantisation, the quantised latents, and the share of each code
#: (or sub-code) among the tokens of a step.
LAYERS = ("hidden", "latents", "codes", "histogram")
#: Those of them that are made of codes, and so in float32 alone: lower precision changes some codes.
DISCRETE = ("codes", "histogram")


class Quantiser(Protocol):
    """Makes codes of latents, and layers of codes."""

    @property
    def bits(self) -> int:
        """Bits of a code."""

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> codes int64 [b t h w]."""

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> quantised latents [b d t h w]."""

    def histogram(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> for each step the share of its tokens that have each of v values: [b v t 1 1]."""


class Tokenizer(Protocol):
    """A tokenizer's network. Its input is float [b c t h w], c = 3."""

    @property
    def quantiser(self) -> Quantiser:
        """Of its codes."""

    def hidden(self, x: Tensor) -> Tensor:
        """The encoder's last hidden layer [b d t h w]."""

    def latents(self, hidden: Tensor) -> Tensor:
        """Of what `hidden` gives, the latents before quantisation [b d t h w]."""

    def encode(self, x: Tensor) -> Tensor:
        """Both: the latents [b d t h w] of x."""

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> codes int64 [b t h w]."""


def layer(network: Tokenizer, x: Tensor, name: str) -> Tensor:
    """Input [b c t h w] -> one of `LAYERS` [b d t h w]. Steps of latents that are not finite are NaN in all layers.

    Raises:
        ValueError: the layer does not exist, or the network can't take x.
    """
    return layers(network, x, [name])[0]


def layers(network: Tokenizer, x: Tensor, names: Sequence[str]) -> list[Tensor]:
    """As `layer`, of each of `names`; the encoder runs once."""
    check_layers(names, LAYERS)
    outputs = {"hidden": network.hidden(x)}
    if set(names) != {"hidden"}:
        outputs["latents"] = latents = network.latents(outputs["hidden"])
    discrete = [name for name in DISCRETE if name in names]
    if discrete:
        codes = network.codes(latents)
        # A code is always finite, and would hide damaged latents.
        damaged = ~latents.isfinite().all(dim=(1, 3, 4), keepdim=True)
        outputs |= {name: from_codes(network, codes, name).masked_fill(damaged, torch.nan) for name in discrete}
    return [outputs[name] for name in names]


def code_bits(network: Tokenizer) -> int:
    """Bits that a code needs."""
    return network.quantiser.bits


def from_codes(network: Tokenizer, codes: Tensor, name: str) -> Tensor:
    """Codes int64 [b t h w] -> one of `DISCRETE` [b d t h w], as `layer` gives it."""
    quantiser = network.quantiser
    return quantiser.vectors(codes) if name == "codes" else quantiser.histogram(codes)


def fastest_layout(x: Tensor) -> Tensor:
    """The same [b c t h w], in memory as convolutions and norms want it.

    On CPUs oneDNN's are fastest with channels last. On an H200 that gained nothing in float32, and lost 10 % in TF32.
    """
    return x.contiguous(memory_format=torch.channels_last_3d if x.device.type == "cpu" else torch.contiguous_format)


def check_layers(names: Sequence[str], layers: Sequence[str]) -> None:
    """Raises ValueError unless all of `names` are among a family's `layers`."""
    for name in names:
        if name not in layers:
            raise ValueError(f"got layer {name!r}, expected one of {', '.join(layers)}")


def check_input(x: Tensor, dtype: torch.dtype) -> None:
    """Raises ValueError unless x is [b 3 t h w], no side of it is empty, and it has the `dtype` of the weights."""
    if x.ndim != 5 or x.shape[1] != 3 or 0 in x.shape:
        raise ValueError(f"got an input of shape {tuple(x.shape)}, expected [b c t h w] with c = 3")
    if x.dtype != dtype:
        raise ValueError(f"got an input of {x.dtype}, expected {dtype}, which the weights have")


def check_latents(latents: Tensor, channels: int) -> None:
    """Raises ValueError unless latents are [b d t h w], d = `channels`, in float32 or float64."""
    if latents.ndim != 5 or latents.shape[1] != channels:
        raise ValueError(f"got latents of shape {tuple(latents.shape)}, expected [b d t h w] with d = {channels}")
    if latents.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"got latents of {latents.dtype}, expected float32: lower precision changes codes")


def check_codes(codes: Tensor, count: int) -> None:
    """Raises ValueError unless codes are int64 [b t h w] from 0 to `count` - 1, and no side is empty."""
    if codes.ndim != 4 or 0 in codes.shape:
        raise ValueError(f"got codes of shape {tuple(codes.shape)}, expected [b t h w]")
    if codes.dtype != torch.int64:
        raise ValueError(f"got codes of {codes.dtype}, expected int64")
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= count:
        raise ValueError(f"got codes from {low} to {high}, expected 0 to {count - 1}")
