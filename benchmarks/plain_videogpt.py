"""VideoGPT's encoder and codebook as upstream composes them of torch's layers: the peer of subjects/videogpt.py.

Every convolution's input is padded first, and the codebook's use is counted with a one-hot table, as training needs.
The state-dict keys are upstream's, so both networks can be given the same weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, *, bias: bool = True) -> None:
        super().__init__()
        pad = size - stride
        self.pad = (pad // 2 + pad % 2, pad // 2) * 3
        self.conv = nn.Conv3d(inputs, outputs, size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, self.pad))
        return out


class Attention(nn.Module):
    def __init__(self, channels: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.w_qs, self.w_ks, self.w_vs = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(self.axis, -2)
        q, k, v = (w(x).unflatten(-1, (2, -1)).transpose(-2, -3) for w in (self.w_qs, self.w_ks, self.w_vs))
        weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
        out: Tensor = self.fc((weights @ v).transpose(-2, -3).flatten(-2))
        return out.movedim(-2, self.axis)


class AxialBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attn_w, self.attn_h, self.attn_t = (Attention(channels, axis) for axis in (3, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(1, -1)
        out: Tensor = self.attn_w(x) + self.attn_h(x) + self.attn_t(x)
        return out.movedim(-1, 1)


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm3d(channels),
            nn.ReLU(),
            Conv(channels, channels // 2, 3, bias=False),
            nn.BatchNorm3d(channels // 2),
            nn.ReLU(),
            Conv(channels // 2, channels, 1, bias=False),
            nn.BatchNorm3d(channels),
            nn.ReLU(),
            AxialBlock(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


class Encoder(nn.Module):
    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([Conv(3, channels, 4, 2), Conv(channels, channels, 4, 2)])
        self.conv_last = Conv(channels, channels, 3)
        self.res_stack = nn.Sequential(
            *(ResidualBlock(channels) for _ in range(blocks)), nn.BatchNorm3d(channels), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.relu(conv(x))
        out: Tensor = self.res_stack(self.conv_last(x))
        return out


class Codebook(nn.Module):
    embeddings: Tensor

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.empty(rows, width))


class PlainVideoGPT(nn.Module):
    """[b 3 t h w] -> latents [b d t h w]; `codes` of them. The published shape, strides (4, 4, 4)."""

    def __init__(self, channels: int = 240, blocks: int = 4, width: int = 256, rows: int = 2048) -> None:
        super().__init__()
        self.encoder = Encoder(channels, blocks)
        self.pre_vq_conv = Conv(channels, width, 1)
        self.codebook = Codebook(rows, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pre_vq_conv(self.encoder(x))
        return out

    def codes(self, latents: Tensor) -> Tensor:
        rows = self.codebook.embeddings
        flat = latents.movedim(1, -1).flatten(end_dim=-2)
        distances = (flat**2).sum(1, keepdim=True) - 2 * flat @ rows.t() + (rows.t() ** 2).sum(0, keepdim=True)
        found = distances.argmin(1)
        self.used = F.one_hot(found, len(rows)).type_as(flat).mean(0)
        return found.view(len(latents), *latents.shape[2:])
