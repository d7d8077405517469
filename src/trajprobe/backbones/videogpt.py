"""Family videogpt: the 3-D VQ-VAE of VideoGPT (Yan et al. 2021, arXiv 2104.10157), inference only.

Strided 3-D convolutions and axial attention to a latent for each token, whose code is the nearest row of a learned
codebook, and a decoder. The state-dict keys are upstream's (wilson1yan/VideoGPT, commit 733d2b1), so that its
checkpoints need no table. Upstream's codebook and norms learn from each clip that they see in training mode. Here every
method leaves that mode first, and `fill_codebook` alone changes the codebook.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from msgspec import Meta
from torch import Tensor, nn

from trajprobe.backbones.parts import axial, tokenizer
from trajprobe.backbones.parts.resizing import resize_and_crop
from trajprobe.backbones.parts.vq import Codebook
from trajprobe.params import Parameters

LAYERS, DISCRETE = tokenizer.LAYERS, tokenizer.DISCRETE
layer, layers, code_bits, from_codes = tokenizer.layer, tokenizer.layers, tokenizer.code_bits, tokenizer.from_codes

#: Each bound is beyond any network of this kind; what the machine holds is less, and the forecast says how much.
Positive = Annotated[int, Meta(ge=1, le=2**20)]
Factor = Annotated[int, Meta(ge=1, le=128)]
Stride = tuple[int, int, int]


class Architecture(Parameters, frozen=True):
    """The network's shape, by default upstream's, and the height and width of its input (`resolution`), pixels."""

    n_hiddens: Annotated[int, Meta(ge=2, le=2**16, multiple_of=2)] = 240
    n_res_layers: Annotated[int, Meta(ge=0, le=64)] = 4
    embedding_dim: Positive = 256
    n_codes: Positive = 2048
    downsample: tuple[Factor, Factor, Factor] = (4, 4, 4)
    resolution: Annotated[int, Meta(ge=1, le=4096)] = 128

    def __post_init__(self) -> None:
        strides(self.downsample)
        if self.resolution % (step := max(self.downsample[1:])):  # powers of 2: the greater is a multiple of the other
            raise ValueError(f"got resolution {self.resolution}, expected a multiple of {step}")


def strides(downsample: Sequence[int]) -> list[Stride]:
    """The (t h w) strides of the convolutions that divide by `downsample`: 2 on an axis until it is divided, then 1.

    Raises:
        ValueError: not three powers of 2 whose greatest is 4 or more, which upstream's network silently mishandles.
    """
    powers = [factor > 0 and factor & (factor - 1) == 0 for factor in downsample]
    if len(powers) != 3 or not all(powers) or max(downsample) < 4:
        raise ValueError(f"got downsample {tuple(downsample)}, expected three powers of 2, the greatest at least 4")
    t, h, w = ([2 if factor > 1 << i else 1 for i in range(max(downsample).bit_length() - 1)] for factor in downsample)
    return list(zip(t, h, w, strict=True))


class SamePadConv3d(nn.Module):
    """[b c t h w] -> [b o t' h' w'], divided by the stride: k - s zeros an axis, the odd one in front."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: Stride = (1, 1, 1), *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, size, stride, padding=(size - 1) // 2, bias=bias)
        t, h, w = (1 - size % 2 if step == 1 else 0 for step in stride)
        self.front = (w, 0, h, 0, t, 0)  # an even kernel without a stride needs one zero more in front

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, self.front) if any(self.front) else x)
        return out


class SamePadConvTranspose3d(nn.Module):
    """[b c t h w] -> [b o t' h' w'], multiplied by the stride, as `SamePadConv3d` with a kernel of 4 divides."""

    def __init__(self, inputs: int, outputs: int, stride: Stride) -> None:
        super().__init__()
        self.convt = nn.ConvTranspose3d(inputs, outputs, 4, stride, padding=1)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convt(x)
        t, h, w = (length * step for length, step in zip(x.shape[2:], self.stride, strict=True))
        return out[:, :, :t, :h, :w]  # without a stride there is one more at the end


class AttentionResidualBlock(nn.Module):
    """x + attention(norm, convolution to half the channels, norm, convolution back, norm), each norm with a ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.block = nn.Sequential(
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
            SamePadConv3d(channels, half, 3, bias=False),
            nn.BatchNorm3d(half),
            nn.ReLU(inplace=True),
            SamePadConv3d(half, channels, 1, bias=False),
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
            axial.AxialAttention(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


def res_stack(channels: int, blocks: int) -> nn.Sequential:
    """Residual blocks, and a norm after them."""
    return nn.Sequential(
        *(AttentionResidualBlock(channels) for _ in range(blocks)), nn.BatchNorm3d(channels), nn.ReLU(inplace=True)
    )


class Encoder(nn.Module):
    """[b 3 t h w] -> [b d t' h' w'], d = n_hiddens."""

    def __init__(self, n_hiddens: int, n_res_layers: int, downsample: Sequence[int]) -> None:
        super().__init__()
        first, *after = strides(downsample)
        self.convs = nn.ModuleList([SamePadConv3d(3, n_hiddens, 4, first)])
        self.convs.extend(SamePadConv3d(n_hiddens, n_hiddens, 4, stride) for stride in after)
        self.conv_last = SamePadConv3d(n_hiddens, n_hiddens, 3)
        self.res_stack = res_stack(n_hiddens, n_res_layers)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.relu(conv(x), inplace=True)
        out: Tensor = self.res_stack(self.conv_last(x))
        return out


class Decoder(nn.Module):
    """[b d t h w], d = n_hiddens -> video [b 3 t' h' w']."""

    def __init__(self, n_hiddens: int, n_res_layers: int, downsample: Sequence[int]) -> None:
        super().__init__()
        self.res_stack = res_stack(n_hiddens, n_res_layers)
        *before, last = strides(downsample)
        self.convts = nn.ModuleList(SamePadConvTranspose3d(n_hiddens, n_hiddens, stride) for stride in before)
        self.convts.append(SamePadConvTranspose3d(n_hiddens, 3, last))

    def forward(self, x: Tensor) -> Tensor:
        *before, last = self.convts
        x = self.res_stack(x)
        for convt in before:
            x = F.relu(convt(x), inplace=True)
        out: Tensor = last(x)
        return out


class VideoGPT(nn.Module):
    """The VQ-VAE; its input is float [b c t h w] in [-0.5, 0.5], c = 3. Every method puts it in evaluation mode."""

    def __init__(
        self,
        n_hiddens: int = 240,
        n_res_layers: int = 4,
        embedding_dim: int = 256,
        n_codes: int = 2048,
        downsample: Sequence[int] = (4, 4, 4),
    ) -> None:
        super().__init__()
        if n_hiddens < 1 or n_hiddens % axial.HEADS:
            raise ValueError(
                f"got n_hiddens {n_hiddens}, expected a multiple of {axial.HEADS}, the heads of its attention"
            )
        if min(n_res_layers + 1, embedding_dim, n_codes) < 1:
            raise ValueError(
                f"got n_res_layers {n_res_layers}, embedding_dim {embedding_dim}, n_codes {n_codes}, expected at least "
                "0, 1 and 1"
            )
        self.downsample = tuple(downsample)
        self.encoder = Encoder(n_hiddens, n_res_layers, downsample)
        self.decoder = Decoder(n_hiddens, n_res_layers, downsample)
        self.pre_vq_conv = SamePadConv3d(n_hiddens, embedding_dim, 1)
        self.post_vq_conv = SamePadConv3d(embedding_dim, n_hiddens, 1)
        self.codebook = Codebook(n_codes, embedding_dim)

    @property
    def quantiser(self) -> Codebook:
        """Of the codes."""
        return self.codebook

    def hidden(self, x: Tensor) -> Tensor:
        """The last hidden layer [b d t' h' w'] of the encoder, d = n_hiddens; t' = t / stride, and so h' and w'.

        Raises:
            ValueError: x is not [b 3 t h w], a side of it is empty or no multiple of its stride, or x does not have the
                type of the weights.
        """
        self.eval()
        tokenizer.check_input(x, self.codebook.embeddings.dtype)
        check_sides(self.downsample, x.shape[2:])
        # oneDNN's convolutions are fastest with channels last, and attention takes them as they lie.
        layout = torch.channels_last_3d if x.device.type == "cpu" else torch.contiguous_format
        out: Tensor = self.encoder(x.contiguous(memory_format=layout))
        return out

    def latents(self, hidden: Tensor) -> Tensor:
        """What `hidden` gives [b d t h w] -> pre-quantised latents [b d t h w], d = embedding_dim."""
        latents: Tensor = self.pre_vq_conv(hidden)
        return latents

    def encode(self, x: Tensor) -> Tensor:
        """[b c t h w] -> pre-quantised latents [b d t' h' w'], d = embedding_dim; raises as `hidden`."""
        return self.latents(self.hidden(x))

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> codes int64 [b t h w], in 0 .. n_codes - 1.

        Raises:
            ValueError: d is not embedding_dim, there are no latents, or their precision is lower than float32, where
                another row may be the nearest.
        """
        self.eval()
        width = self.codebook.embeddings.shape[1]
        tokenizer.check_latents(latents, width)
        if 0 in latents.shape:
            raise ValueError(f"got latents of shape {tuple(latents.shape)}, expected [b d t h w] without an empty side")
        return self.codebook.codes(latents)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> video [b c t' h' w'], about [-0.5, 0.5]; c = 3, t' = t * stride, and so h' and w'.

        Raises:
            ValueError: not int64 [b t h w], or a code out of range.
        """
        self.eval()
        tokenizer.check_codes(codes, len(self.codebook.embeddings))
        video: Tensor = self.decoder(self.post_vq_conv(self.codebook.vectors(codes)))
        return video


def check_sides(downsample: Sequence[int], clip: Sequence[int]) -> None:
    """Raises ValueError unless `downsample` divides a `clip` (t h w): upstream silently drops the rest."""
    for axis, length, step in zip(("frames", "rows", "columns"), clip, downsample, strict=True):
        if length % step:
            raise ValueError(f"got clips of {length} {axis}, expected a multiple of {step}")


def build(architecture: Architecture) -> VideoGPT:
    """With random weights; the codebook is random until `fill_codebook` fills it."""
    return VideoGPT(
        architecture.n_hiddens,
        architecture.n_res_layers,
        architecture.embedding_dim,
        architecture.n_codes,
        architecture.downsample,
    )


def check_clips(architecture: Architecture, clip: tuple[int, int, int]) -> None:
    """Raises ValueError unless the frames of a `clip` (t h w) fill their tokens; clips of any h and w are resized."""
    check_sides(architecture.downsample, (clip[0], architecture.resolution, architecture.resolution))


@torch.no_grad()
def fill_codebook(network: VideoGPT, x: Tensor) -> None:
    """Fills the codebook of a network with random weights with its own latents of `x` [b c t h w].

    Random latents are nearly constant: with random rows, all tokens of all clips would have the same code.
    """
    network.codebook.fill(torch.cat([network.encode(clip[None]) for clip in x]))


def preprocess(video: Tensor, architecture: Architecture) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t r r] in [-0.5, 0.5], r the architecture's resolution.

    Bilinear to a shorter side of r, without antialiasing, and the middle square, as upstream.
    """
    side = architecture.resolution
    return resize_and_crop(video.float() / 255, side, side, _bilinear, _rounded_up) - 0.5


def _bilinear(frames: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.interpolate(frames, sides, mode="bilinear")


def _rounded_up(length: int, resize: int, short: int) -> int:
    return math.ceil(length * (resize / short))
