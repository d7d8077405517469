"""Axial attention (Ho et al. 2019, arXiv 1912.12180): softmax attention along one axis of a video at a time.

As VideoGPT has it: the sum of three attentions along w, h and t, each with weights of its own, without positions or
norms. One product makes the queries, keys and values of all three, and one sums their outputs.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

HEADS = 2


class MultiHeadAttention(nn.Module):
    """The weights of one attention; `AxialAttention` uses those of three at once."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.w_qs, self.w_ks, self.w_vs = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.fc = nn.Linear(channels, channels)
        for linear in (self.w_qs, self.w_ks, self.w_vs, self.fc):
            nn.init.normal_(linear.weight, std=1 / math.sqrt(channels))


class AxialAttention(nn.Module):
    """[b c t h w] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attn_w, self.attn_h, self.attn_t = (MultiHeadAttention(channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        axes = (self.attn_w, self.attn_h, self.attn_t)
        inwards = torch.cat([linear.weight for axis in axes for linear in (axis.w_qs, axis.w_ks, axis.w_vs)])
        outwards = torch.cat([axis.fc.weight for axis in axes], dim=1)
        bias = self.attn_w.fc.bias + self.attn_h.fc.bias + self.attn_t.fc.bias
        projected = F.linear(rearrange(x, "b c t h w -> b t h w c"), inwards)
        # a: the axis, p: query, key or value, g: the head.
        along = rearrange(projected, "b t h w (a p g d) -> a b t h w p g d", a=3, p=3, g=HEADS)
        attended = [attend(rows, line) for rows, line in zip(along, LINES, strict=True)]
        return rearrange(F.linear(torch.cat(attended, dim=-1), outwards, bias), "b t h w c -> b c t h w")


#: The lines in which positions attend to each other, along w, h and t.
LINES = ("(b t h) g w d", "(b t w) g h d", "(b h w) g t d")


def attend(rows: Tensor, line: str) -> Tensor:
    """Queries, keys and values [b t h w p g d], p = 3 -> [b t h w (g d)], each `line` by itself."""
    q, k, v = rearrange(rows, f"b t h w p g d -> p {line}")
    lengths = dict(zip("bthw", rows.shape[:4], strict=True))
    # Not torch's fused attention: for lines as short as these it is slower on a CPU, and on CUDA it fails at 2^16 lines
    # (pytorch issue 142228), which are 64 clips' pixels.
    weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1)
    return rearrange(weights @ v, f"{line} -> b t h w (g d)", **lengths)
