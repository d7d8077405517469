"""Family open_magvit2: the video tokenizer of Open-MAGVIT2 (Luo et al. 2024, arXiv 2409.04410), inference only.

A causal 3-D convolutional encoder to z_channels bits a token, 8 x smaller in space and 4 x in time, and a decoder.
The state-dict keys are upstream's (TencentARC/SEED-Voken, commit b9a17ea), so that its checkpoint needs no table.
GroupNorm spans t, h and w, as upstream's weights demand: a latent depends on the clip's length and on later frames, and
features of clips of different lengths are not comparable.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated

import torch
import torch.nn.functional as F
from einops import rearrange
from msgspec import Meta
from torch import Tensor, nn

from trajprobe.backbones.parts import tokenizer
from trajprobe.backbones.parts.causal import causal_conv
from trajprobe.backbones.parts.lfq import LookupFree
from trajprobe.backbones.parts.resizing import resize_and_crop
from trajprobe.params import Parameters

LAYERS, DISCRETE = tokenizer.LAYERS, tokenizer.DISCRETE
layer, layers, code_bits, from_codes = tokenizer.layer, tokenizer.layers, tokenizer.code_bits, tokenizer.from_codes
#: Height and width of the clips that the released weights were trained on, pixels.
SIDE = 128


class Architecture(Parameters, frozen=True):
    """The network's shape; the defaults are those of the released weights.

    Each bound is beyond any network of this kind; what the machine holds is less, and the forecast says how much.
    """

    ch: Annotated[int, Meta(ge=32, le=4096, multiple_of=32)] = 128
    ch_mult: Annotated[tuple[Annotated[int, Meta(ge=1, le=64)], ...], Meta(min_length=1, max_length=7)] = (1, 2, 2, 4)
    num_res_blocks: Annotated[int, Meta(ge=1, le=32)] = 4
    z_channels: Annotated[int, Meta(ge=1, le=30)] = 18


class CausalConv(nn.Module):
    """`causal_conv` as a layer, under upstream's name."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: tuple[int, int, int] = (1, 1, 1), *, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv_1 = nn.Conv3d(inputs, outputs, size, stride, bias=bias)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return causal_conv(x, self.conv_1.weight, self.conv_1.bias, self.stride)


def swish(x: Tensor) -> Tensor:
    """The product x * sigmoid(x), in place where no gradient needs x."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


class Norm(nn.GroupNorm):
    """GroupNorm of 32 groups over t, h and w; takes a single position as well, which torch's layer refuses."""

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        # Clip by clip: torch's threads would split a batch anywhere, and identical clips would get different bits.
        clips = [
            torch.group_norm(x[i : i + 1], self.num_groups, self.weight, self.bias, self.eps) for i in range(len(x))
        ]
        return torch.cat(clips) if len(clips) > 1 else clips[0]


class ResidualBlock(nn.Module):
    """shortcut(x) + conv(silu(norm(conv(silu(norm(x))))))."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = Norm(inputs), CausalConv(inputs, outputs, bias=False)
        self.norm2, self.conv2 = Norm(outputs), CausalConv(outputs, outputs, bias=False)
        self.nin_shortcut = CausalConv(inputs, outputs, 1, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(swish(self.norm2(self.conv1(swish(self.norm1(x))))))
        out += self.nin_shortcut(x) if self.nin_shortcut else x
        return out


def blocks(inputs: int, outputs: int, count: int) -> nn.Sequential:
    """Residual blocks, of which the first changes the number of channels."""
    return nn.Sequential(*(ResidualBlock(inputs if i == 0 else outputs, outputs) for i in range(count)))


def strides(ch_mult: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(t h w) strides between the levels: none in time where a level's multiplier is 1."""
    return [(1 if multiplier == 1 else 2, 2, 2) for multiplier in ch_mult[:-1]]


class Encoder(nn.Module):
    """[b 3 t h w] -> [b z t h w], t and h and w divided by the strides and rounded up."""

    def __init__(self, ch: int, ch_mult: tuple[int, ...], num_res_blocks: int, z_channels: int) -> None:
        super().__init__()
        self.conv_in = CausalConv(3, ch, bias=False)
        self.down = nn.Sequential()
        inputs = ch
        for multiplier, stride in zip_longest(ch_mult, strides(ch_mult)):
            outputs = ch * multiplier
            level = OrderedDict[str, nn.Module](block=blocks(inputs, outputs, num_res_blocks))
            if stride:
                level["downsample"] = CausalConv(outputs, outputs, stride=stride)
            self.down.append(nn.Sequential(level))
            inputs = outputs
        self.mid_block = blocks(inputs, inputs, num_res_blocks)
        self.norm_out = Norm(inputs)
        self.conv_out = CausalConv(inputs, z_channels, 1)

    def hidden(self, x: Tensor) -> Tensor:
        """The last hidden layer [b d t h w]."""
        return swish(self.norm_out(self.mid_block(self.down(self.conv_in(x)))))


class AdaptiveGroupNorm(nn.Module):
    """GroupNorm whose scale and shift come from the deviation and the mean of the code's channels."""

    def __init__(self, z_channels: int, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Linear(z_channels, channels), nn.Linear(z_channels, channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        code = rearrange(code, "b d t h w -> b d (t h w)")
        scale, shift = self.gamma((code.var(dim=-1) + 1e-6).sqrt()), self.beta(code.mean(dim=-1))
        scale, shift = (rearrange(each, "b c -> b c 1 1 1") for each in (scale, shift))
        return scale * torch.group_norm(x, 32, eps=1e-6) + shift


class Upsampler(nn.Module):
    """[b c t h w] -> [b c t' 2h 2w]: depth to space; where time is doubled, t' = 2t - 1, since frame 1 is dropped."""

    def __init__(self, channels: int, block: tuple[int, int, int]) -> None:
        super().__init__()
        self.block = block
        self.conv1 = CausalConv(channels, channels * math.prod(block))

    def forward(self, x: Tensor) -> Tensor:
        bt, bh, bw = self.block  # the frames, rows and columns that one position becomes
        x = rearrange(self.conv1(x), "b (bt bh bw c) t h w -> b c (t bt) (h bh) (w bw)", bt=bt, bh=bh, bw=bw)
        return torch.cat([x[:, :, :1], x[:, :, bt:]], dim=2)


class Decoder(nn.Module):
    """Quantised latents [b z t h w] -> video [b 3 t h w]."""

    def __init__(self, ch: int, ch_mult: tuple[int, ...], num_res_blocks: int, z_channels: int) -> None:
        super().__init__()
        inputs = ch * ch_mult[-1]
        self.conv_in = CausalConv(z_channels, inputs)
        self.mid_block = blocks(inputs, inputs, num_res_blocks)
        self.up, self.adaptive = nn.ModuleList(), nn.ModuleList()
        for multiplier, stride in reversed(list(zip(ch_mult, (None, *strides(ch_mult)), strict=True))):
            outputs = ch * multiplier
            level = OrderedDict[str, nn.Module](block=blocks(inputs, outputs, num_res_blocks))
            if stride:
                level["upsample"] = Upsampler(outputs, stride)
            self.up.insert(0, nn.Sequential(level))  # numbered as the encoder's levels, run from the last to the first
            self.adaptive.insert(0, AdaptiveGroupNorm(z_channels, inputs))
            inputs = outputs
        self.norm_out = Norm(inputs)
        self.conv_out = CausalConv(inputs, 3)

    def forward(self, code: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(code))
        for adaptive, level in zip(reversed(self.adaptive), reversed(self.up), strict=True):
            x = level(adaptive(x, code))
        out: Tensor = self.conv_out(swish(self.norm_out(x)))
        return out


class OpenMagvit2(nn.Module):
    """The tokenizer; its input is float [b c t h w] in [-1, 1], c = 3."""

    def __init__(
        self,
        ch: int = 128,
        ch_mult: Sequence[int] = (1, 2, 2, 4),
        num_res_blocks: int = 4,
        z_channels: int = 18,
    ) -> None:
        super().__init__()
        if not ch_mult:
            raise ValueError("got no ch_mult, expected a multiplier for each level")
        self.quantiser = LookupFree(z_channels)
        self.encoder = Encoder(ch, tuple(ch_mult), num_res_blocks, z_channels)
        self.decoder = Decoder(ch, tuple(ch_mult), num_res_blocks, z_channels)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return self.encoder.conv_in.conv_1.weight.dtype

    def hidden(self, x: Tensor) -> Tensor:
        """The last hidden layer [b d t h w] of the encoder, d = ch * ch_mult[-1], t h w as `encode`.

        Raises:
            ValueError: x is not [b 3 t h w], a side of it is empty, or its type is not that of the weights.
        """
        tokenizer.check_input(x, self.dtype)
        return self.encoder.hidden(tokenizer.fastest_layout(x))

    def latents(self, hidden: Tensor) -> Tensor:
        """What `hidden` gives [b d t h w] -> pre-quantised latents [b d t h w], d = z_channels."""
        latents: Tensor = self.encoder.conv_out(hidden)
        return latents

    def encode(self, x: Tensor) -> Tensor:
        """[b c t h w] -> pre-quantised latents [b d t' h' w'], d = z_channels.

        With the released shape t' = ceil(ceil(t / 2) / 2), h' = ceil(h / 8) and w' = ceil(w / 8). Other clips in the
        batch change rounding alone, in float32 by less than 2e-5; identical clips in a batch get identical bits.

        Raises:
            ValueError: as `hidden`.
        """
        return self.latents(self.hidden(x))

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> codes int64 [b t h w], in 0 .. 2^d - 1; channel 0 is the least significant bit.

        Raises:
            ValueError: d is not z_channels, or the precision of the latents is lower than float32, which loses signs.
        """
        tokenizer.check_latents(latents, self.quantiser.bits)
        return self.quantiser.codes(latents)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> video [b c t' h' w'], about [-1, 1]; c = 3.

        With the released shape t' = 4t - 3, h' = 8h and w' = 8w: only clips of 4k + 1 frames keep their length.

        Raises:
            ValueError: not int64 [b t h w], a code out of range, or a single token, which has no deviation.
        """
        tokenizer.check_codes(codes, 2**self.quantiser.bits)
        if codes.shape[1:].numel() < 2:
            raise ValueError(f"got codes of shape {tuple(codes.shape)}, expected [b t h w] of two tokens or more")
        video: Tensor = self.decoder(self.quantiser.vectors(codes).to(self.dtype))
        return video


def build(architecture: Architecture) -> OpenMagvit2:
    """With random weights."""
    return OpenMagvit2(architecture.ch, architecture.ch_mult, architecture.num_res_blocks, architecture.z_channels)


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless the frames of a `clip` (t h w) fill their tokens: 4k + 1, with the released shape."""
    step = math.prod(stride for stride, _, _ in strides(architecture.ch_mult))
    if (clip[0] - 1) % step:
        raise ValueError(f"got clips of {clip[0]} frames, expected {step}k + 1: 1, {step + 1}, {2 * step + 1}, ...")


def preprocess(video: Tensor, _: object = None) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t 128 128] in [-1, 1].

    Bilinear to a shorter side of 128, rounded to grey levels as upstream's OpenCV does, and the middle square.
    """
    return resize_and_crop(video, SIDE, SIDE, _bilinear_bytes).float() / 127.5 - 1


def _bilinear_bytes(frames: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.interpolate(frames.float(), sides, mode="bilinear").round()
