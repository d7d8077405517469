"""Open-MAGVIT2's encoder as a user would compose it of torch's layers: the peer of subjects/open_magvit2.py.

Its state-dict keys are upstream's, so both networks can be given the same weights.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class CausalConv(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: tuple[int, int, int] = (1, 1, 1), *, bias: bool = True
    ) -> None:
        super().__init__()
        self.pad = (size // 2, size // 2, size // 2, size // 2, size - 1, 0)
        self.conv_1 = nn.Conv3d(inputs, outputs, size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_1(F.pad(x, self.pad))
        return out


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, inputs, eps=1e-6), nn.GroupNorm(32, outputs, eps=1e-6)
        self.conv1 = CausalConv(inputs, outputs, bias=False)
        self.conv2 = CausalConv(outputs, outputs, bias=False)
        self.nin_shortcut = CausalConv(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Level(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int, int] | None) -> None:
        super().__init__()
        self.block = nn.Sequential(ResidualBlock(inputs, outputs), *(ResidualBlock(outputs, outputs) for _ in range(3)))
        self.downsample = CausalConv(outputs, outputs, stride=stride) if stride else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(self.block(x))


class PlainEncoder(nn.Module):
    """[b 3 t h w] -> latents [b 18 t h w], with the released shape, or with other numbers of channels."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        first, second, last = channels, 2 * channels, 4 * channels
        self.conv_in = CausalConv(3, first, bias=False)
        self.down = nn.Sequential(
            Level(first, first, (1, 2, 2)),
            Level(first, second, (2, 2, 2)),
            Level(second, second, (2, 2, 2)),
            Level(second, last, None),
        )
        self.mid_block = nn.Sequential(*(ResidualBlock(last, last) for _ in range(4)))
        self.norm_out = nn.GroupNorm(32, last, eps=1e-6)
        self.conv_out = CausalConv(last, 18, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid_block(self.down(self.conv_in(x)))
        out: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out
