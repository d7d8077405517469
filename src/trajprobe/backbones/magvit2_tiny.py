"""Family magvit2_tiny: a small causal tokenizer after Open-MAGVIT2 (arXiv 2409.04410), for pretraining on a laptop.

A causal 3-D convolutional encoder to d bits a token, 8 x smaller in space and 4 x in time, as open_magvit2. Two things
differ: GroupNorm spans one frame and not the clip, so that no latent sees a later frame, which the prediction of
pretraining would exploit; and the decoder is a 1x1 convolution and depth-to-space, which is fast.
"""

from typing import Annotated

import torch.nn.functional as F
from einops import rearrange
from msgspec import Meta
from torch import Tensor, nn

from trajprobe.backbones.parts import tokenizer
from trajprobe.backbones.parts.causal import causal_conv
from trajprobe.backbones.parts.lfq import LookupFree
from trajprobe.params import Parameters

LAYERS, DISCRETE = tokenizer.LAYERS, tokenizer.DISCRETE
layer, layers, code_bits, from_codes = tokenizer.layer, tokenizer.layers, tokenizer.code_bits, tokenizer.from_codes
#: A token stands for 4 frames (the first one for 1) of 8 x 8 pixels.
FRAMES_PER_TOKEN = 4
PIXELS_PER_TOKEN = 8
#: (t, h, w) strides of the three levels.
STRIDES = ((1, 2, 2), (2, 2, 2), (2, 2, 2))

#: Each bound is beyond any network of this kind; what the machine holds is less, and the forecast says how much.
Multiplier = Annotated[int, Meta(ge=1, le=64)]


class Architecture(Parameters, frozen=True):
    """The network's shape; the defaults train in about a minute on two CPU cores."""

    channels: Annotated[int, Meta(ge=4, le=4096, multiple_of=4)] = 8  #: of the first level
    multipliers: tuple[Multiplier, Multiplier, Multiplier] = (1, 2, 4)  #: channels of each level, in `channels`
    residual_blocks: Annotated[int, Meta(ge=0, le=64)] = 1  #: in each level
    bits: Annotated[int, Meta(ge=1, le=30)] = 18  #: channels of the latent, bits of the code


class CausalConv(nn.Conv3d):
    """3x3x3 `causal_conv` as a layer."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int, int] = (1, 1, 1)) -> None:
        super().__init__(inputs, outputs, 3)
        self.strides = stride

    def forward(self, x: Tensor) -> Tensor:
        return causal_conv(x, self.weight, self.bias, self.strides)


class FrameNorm(nn.GroupNorm):
    """GroupNorm (4 groups) over each frame by itself: [b c t h w] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__(4, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        frames = super().forward(rearrange(x, "b c t h w -> (b t) c h w"))
        return rearrange(frames, "(b t) c h w -> b c t h w", b=len(x))


class ResidualBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = FrameNorm(channels), CausalConv(channels, channels)
        self.norm2, self.conv2 = FrameNorm(channels), CausalConv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class DepthToSpace(nn.Module):
    """Tokens [b d t h w] -> frames [b c 4t-3 8h 8w]: the first token is one frame, every other one four."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, 3 * FRAMES_PER_TOKEN * PIXELS_PER_TOKEN**2, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        blocks = self.conv(tokens)
        # st, sh, sw: the frames, rows and columns that one token stands for.
        shape = {"st": FRAMES_PER_TOKEN, "sh": PIXELS_PER_TOKEN, "sw": PIXELS_PER_TOKEN}
        video = rearrange(blocks, "b (st sh sw c) t h w -> b c (t st) (h sh) (w sw)", **shape)
        return video[:, :, FRAMES_PER_TOKEN - 1 :]


class Magvit2Tiny(nn.Module):
    """The tokenizer; input float [b c t h w] in [-1, 1], c = 3."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = [architecture.channels * multiplier for multiplier in architecture.multipliers]
        self.quantiser = LookupFree(architecture.bits)
        levels: list[nn.Module] = []
        for inputs, outputs, stride in zip([3, *channels[:-1]], channels, STRIDES, strict=True):
            levels += [CausalConv(inputs, outputs, stride)]
            levels += [ResidualBlock(outputs) for _ in range(architecture.residual_blocks)]
        self.trunk = nn.Sequential(*levels)
        self.norm_out = FrameNorm(channels[-1])
        self.conv_out = nn.Conv3d(channels[-1], architecture.bits, 1)
        self.decoder = DepthToSpace(architecture.bits)

    def hidden(self, x: Tensor) -> Tensor:
        """The last hidden layer: [b c t h w] -> [b d t' h' w'], t' = ceil(ceil(t / 2) / 2), h' = ceil(h / 8), w' alike.

        Raises:
            ValueError: x is not [b 3 t h w], a side of it is empty, or its type is not that of the weights.
        """
        tokenizer.check_input(x, self.conv_out.weight.dtype)
        return F.silu(self.norm_out(self.trunk(x)))

    def latents(self, hidden: Tensor) -> Tensor:
        """What `hidden` gives [b d t h w] -> pre-quantised latents [b d t h w], d = bits."""
        latents: Tensor = self.conv_out(hidden)
        return latents

    def encode(self, x: Tensor) -> Tensor:
        """[b c t h w] -> pre-quantised latents [b d t' h' w'], d = bits; raises as `hidden`."""
        return self.latents(self.hidden(x))

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> codes int64 [b t h w], in 0 .. 2^d - 1; channel 0 is the least significant bit.

        Raises:
            ValueError: d is not `bits`, or the precision of the latents is lower than float32, which loses signs.
        """
        tokenizer.check_latents(latents, self.quantiser.bits)
        return self.quantiser.codes(latents)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> video [b c 4t-3 8h 8w], c = 3, about [-1, 1].

        Raises:
            ValueError: not int64 [b t h w], or a code out of range.
        """
        tokenizer.check_codes(codes, 2**self.quantiser.bits)
        video: Tensor = self.decoder(self.quantiser.vectors(codes))
        return video


def build(architecture: Architecture) -> Magvit2Tiny:
    """With random weights."""
    return Magvit2Tiny(architecture)


def preprocess(video: Tensor, _: object = None) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t h w] in [-1, 1]."""
    return rearrange(video, "b t h w c -> b c t h w").float() / 127.5 - 1
