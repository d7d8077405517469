"""Vector quantisation (van den Oord et al. 2017, arXiv 1711.00937): a token's code is the nearest row of a codebook."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn


class Codebook(nn.Module):
    """The quantiser: rows [n_codes, embedding_dim], to the nearest of which each token's latent is rounded.

    `N` and `z_avg` are what upstream's training records of the use of each row.
    """

    embeddings: Tensor
    N: Tensor
    z_avg: Tensor

    def __init__(self, n_codes: int, embedding_dim: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.randn(n_codes, embedding_dim))
        self.register_buffer("N", torch.zeros(n_codes))
        self.register_buffer("z_avg", self.embeddings.clone())

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return max(1, (len(self.embeddings) - 1).bit_length())

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> the number of the nearest row, int64 [b t h w]; of equally near ones the first."""
        rows = self.embeddings.to(latents.dtype)
        # |z - e|^2 without |z|^2, which is the same for all rows e. A clip at a time: its distances fill 32 MiB.
        square = rows.square().sum(dim=1)
        clips = rearrange(latents, "b d t h w -> b (t h w) d")
        numbers = torch.stack([torch.addmm(square, clip, rows.T, alpha=-2).argmin(dim=1) for clip in clips])
        return numbers.view(len(latents), *latents.shape[2:])

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> their rows [b d t h w]."""
        return rearrange(F.embedding(codes, self.embeddings), "b t h w d -> b d t h w")

    def histogram(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> for each step the share of its tokens that have each code: float32 [b v t 1 1]."""
        tokens = rearrange(codes, "b t h w -> b t (h w)")
        shares = torch.zeros(*tokens.shape[:2], len(self.embeddings), device=codes.device)
        shares.scatter_add_(2, tokens, torch.full_like(tokens, 1 / tokens.shape[2], dtype=shares.dtype))
        return rearrange(shares, "b t v -> b v t 1 1")

    def fill(self, latents: Tensor) -> None:
        """Makes rows of tokens of `latents` [b d t h w], drawn by torch's generator without replacement.

        This is what upstream's first training step does. Too few tokens are repeated, with a little noise.
        """
        tokens, count = rearrange(latents, "b d t h w -> (b t h w) d"), len(self.N)
        if len(tokens) < count:
            tokens = repeat(tokens, "n d -> (r n) d", r=-(-count // len(tokens)))
            tokens = tokens + 0.01 / math.sqrt(tokens.shape[1]) * torch.randn(tokens.shape).to(tokens)
        rows = tokens[torch.randperm(len(tokens))[:count].to(tokens.device)]
        self.embeddings.copy_(rows)
        self.z_avg.copy_(rows)
        self.N.fill_(1)
