"""Vector quantisation (van den Oord et al. 2017, arXiv 1711.00937): a token's code is the nearest row of a codebook."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

#: What `layer` makes of latents.
LAYERS = ("latents", "codes", "histogram")
#: Those of them that are made of codes, and so in float32 alone: less precision moves some to another row.
DISCRETE = ("codes", "histogram")


class Codebook(nn.Module):
    """The rows that latents are replaced by; `N` and `z_avg` are what upstream's training keeps of their use."""

    embeddings: Tensor
    N: Tensor
    z_avg: Tensor

    def __init__(self, n_codes: int, embedding_dim: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.randn(n_codes, embedding_dim))
        self.register_buffer("N", torch.zeros(n_codes))
        self.register_buffer("z_avg", self.embeddings.clone())

    def nearest(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w] -> the number of the nearest row, int64 [b t h w]; of equally near ones the first.

        Raises:
            ValueError: latents of less than float32, where rows change places.
        """
        if latents.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"got latents of {latents.dtype}, expected float32: codes are made in that alone")
        rows = self.embeddings.to(latents.dtype)
        # |z - e|^2 without |z|^2, which is the same for all rows e. A clip at a time: its distances fill 32 MiB.
        square = rows.square().sum(dim=1)
        flat = rearrange(latents, "b d t h w -> b (t h w) d")
        found = torch.stack([torch.addmm(square, clip, rows.T, alpha=-2).argmin(dim=1) for clip in flat])
        return found.view(len(latents), *latents.shape[2:])

    def fill(self, latents: Tensor) -> None:
        """Takes rows from among the tokens of `latents` [b d t h w], drawn by torch's generator without replacement.

        As upstream's first training step does. Where there are too few tokens they are repeated, with a little noise.
        """
        tokens, count = rearrange(latents, "b d t h w -> (b t h w) d"), len(self.N)
        if len(tokens) < count:
            tokens = repeat(tokens, "n d -> (r n) d", r=-(-count // len(tokens)))
            tokens = tokens + 0.01 / math.sqrt(tokens.shape[1]) * torch.randn(tokens.shape).to(tokens)
        rows = tokens[torch.randperm(len(tokens))[:count].to(tokens.device)]
        self.embeddings.copy_(rows)
        self.z_avg.copy_(rows)
        self.N.fill_(1)

    def forward(self, indices: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> their rows [b d t h w]."""
        return rearrange(F.embedding(indices, self.embeddings), "b t h w d -> b d t h w")


def histogram(indices: Tensor, count: int) -> Tensor:
    """Codes int64 [b t h w] -> for each step the share of its tokens that have each of `count` codes: [b v t 1 1]."""
    tokens = rearrange(indices, "b t h w -> b t (h w)")
    shares = torch.zeros(*tokens.shape[:2], count, device=indices.device)
    shares.scatter_add_(2, tokens, torch.full_like(tokens, 1 / tokens.shape[2], dtype=shares.dtype))
    return rearrange(shares, "b t v -> b v t 1 1")


def of_codes(codebook: Codebook, indices: Tensor, name: str) -> Tensor:
    """Codes int64 [b t h w] -> one of `DISCRETE`, by name: their rows, or their `histogram` [b d t h w]."""
    rows: Tensor = codebook(indices) if name == "codes" else histogram(indices, len(codebook.embeddings))
    return rows


def layer(codebook: Codebook, latents: Tensor, name: str) -> Tensor:
    """Latents [b d t h w] -> themselves, the rows of their codes, or the `histogram` of codes, by name.

    Raises:
        ValueError: the name is none of `LAYERS`.
    """
    if name not in LAYERS:
        raise ValueError(f"got layer {name!r}, expected one of {', '.join(LAYERS)}")
    if name == "latents":
        return latents
    found = of_codes(codebook, codebook.nearest(latents), name)
    # A code is always finite: damaged latents would not be seen.
    return found.masked_fill(~latents.isfinite().all(dim=(1, 3, 4), keepdim=True), torch.nan)
