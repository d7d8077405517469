"""Lookup-free quantisation (Yu et al. 2023, arXiv 2310.05737): each latent channel is one bit of the code.

A channel's bit is z > 0 (zero and NaN give bit 0), its quantised value is +1 or -1, and a token's code is
sum_d bit_d * 2^d: channel 0 is the least significant bit.
"""

import torch
import torch.nn.functional as F
from einops import einsum, rearrange, reduce
from torch import Tensor

#: What `layer` makes of latents.
LAYERS = ("latents", "codes", "histogram")
#: Those of them that are made of codes, and so in float32 alone: less precision flips bits.
DISCRETE = ("codes", "histogram")
#: Bits of a sub-code of `histogram`.
SUBCODE = 6


def bits(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> bool [b d t h w]."""
    return latents > 0


def quantise(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> exactly -1 or +1, the same shape and dtype."""
    return torch.where(bits(latents), 1.0, -1.0).to(latents.dtype)


def straight_through(latents: Tensor) -> Tensor:
    """As `quantise`, up to rounding, with the gradient of the identity (Bengio et al. 2013, arXiv 1308.3432)."""
    return latents + (quantise(latents) - latents).detach()


def codes(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> codes int64 [b t h w], in 0 .. 2^d - 1."""
    places = 2 ** torch.arange(latents.shape[1], dtype=torch.int64, device=latents.device)
    return einsum(bits(latents).to(torch.int64), places, "b d t h w, d -> b t h w")


def signs(indices: Tensor, channels: int) -> Tensor:
    """Codes int64 [b t h w] -> quantised latents float32 [b d t h w], d = `channels`: what `quantise` gave.

    Raises:
        ValueError: a code is not in 0 .. 2^d - 1.
    """
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < 2**channels:
        raise ValueError(
            f"got codes from {int(indices.min())} to {int(indices.max())}, expected 0 to {2**channels - 1}"
        )
    places = torch.arange(channels, device=indices.device)
    return rearrange((indices[..., None] >> places) & 1, "b t h w d -> b d t h w").float() * 2 - 1


def entropies(latents: Tensor) -> tuple[Tensor, Tensor]:
    """The two entropies of LFQ's regulariser, the bits taken as independent, in nats a bit.

    With p = sigmoid(4 z), the softmax over the two codes -1 and +1 of their squared distances to z:
    mean of H(p) over tokens (low: each token is sure of its code), and H(mean of p) (high: every bit is used).
    """
    logits = 4 * latents
    token = F.softplus(logits) - torch.sigmoid(logits) * logits
    p = torch.sigmoid(logits).mean(dim=(0, 2, 3, 4)).clamp(1e-6, 1 - 1e-6)
    return token.mean(), -(p * p.log() + (1 - p) * (1 - p).log()).mean()


def histogram(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> for each step the share of its tokens that have each value of each sub-code.

    A histogram of whole codes would have 2^d bins, far more than a step has tokens. So, as Open-MAGVIT2's language
    model does (token factorisation, arXiv 2409.04410), a code is taken in parts: sub-codes of 6 consecutive bits, the
    last of what is left. Returns float32 [b (s v) t 1 1], s sub-codes of v = 64 values each, and a shorter last one.
    """
    shares = []
    for first in range(0, latents.shape[1], SUBCODE):
        part = latents[:, first : first + SUBCODE]
        hits = F.one_hot(codes(part), 2 ** part.shape[1]).float()
        shares.append(reduce(hits, "b t h w v -> b v t 1 1", "mean"))
    return torch.cat(shares, dim=1)


def layer(latents: Tensor, name: str) -> Tensor:
    """Latents [b d t h w] -> themselves, the codes as -1 and +1, or the `histogram` of codes, by name.

    Raises:
        ValueError: the name is none of `LAYERS`.
    """
    if name not in LAYERS:
        raise ValueError(f"got layer {name!r}, expected one of {', '.join(LAYERS)}")
    if name == "latents":
        return latents
    found = quantise(latents) if name == "codes" else histogram(latents)
    # A code is always finite: damaged latents would not be seen.
    return found.masked_fill(~latents.isfinite().all(dim=(1, 3, 4), keepdim=True), torch.nan)
