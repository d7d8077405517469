"""Lookup-free quantisation (Yu et al. 2023, arXiv 2310.05737): each latent channel is one bit of the code.

A channel's bit is z > 0 (zero and NaN give bit 0), its quantised value is +1 or -1, and a token's code is
sum_d bit_d * 2^d: channel 0 is the least significant bit.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

#: Bits of a sub-code of `LookupFree.histogram`.
SUBCODE = 6


@dataclass(frozen=True)
class LookupFree:
    """The quantiser of latents with `bits` channels. It has no weights."""

    bits: int

    def codes(self, latents: Tensor) -> Tensor:
        """Latents [b d t h w], d = bits -> codes int64 [b t h w], in 0 .. 2^d - 1."""
        places = rearrange(torch.arange(self.bits, device=latents.device), "d -> d 1 1 1")
        # No matrix product: CUDA has none of integers.
        return reduce(bits(latents).to(torch.int64) << places, "b d t h w -> b t h w", "sum")

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> the quantised latents that they stand for, -1 or +1, float32 [b d t h w]."""
        places = torch.arange(self.bits, device=codes.device)
        return rearrange((codes[..., None] >> places) & 1, "b t h w d -> b d t h w").float() * 2 - 1

    def histogram(self, codes: Tensor) -> Tensor:
        """Codes int64 [b t h w] -> for each step the share of its tokens that have each value of each sub-code.

        A histogram of codes would have 2^d bins, far more than a step has tokens. So a code is split into sub-codes of
        6 consecutive bits, and a shorter last one, as Open-MAGVIT2's language model does (token factorisation, arXiv
        2409.04410). Returns float32 [b v t 1 1]: 64 values v of each sub-code, those of channels 0 to 5 first.
        """
        shares = []
        for first in range(0, self.bits, SUBCODE):
            values = 2 ** min(SUBCODE, self.bits - first)
            hits = F.one_hot((codes >> first) & (values - 1), values).float()
            shares.append(reduce(hits, "b t h w v -> b v t 1 1", "mean"))
        return torch.cat(shares, dim=1)


def bits(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> bool [b d t h w]."""
    return latents > 0


def quantise(latents: Tensor) -> Tensor:
    """Latents [b d t h w] -> exactly -1 or +1, the same shape and dtype."""
    return torch.where(bits(latents), 1.0, -1.0).to(latents.dtype)


def straight_through(latents: Tensor) -> Tensor:
    """As `quantise`, up to rounding, with the gradient of the identity (Bengio et al. 2013, arXiv 1308.3432)."""
    return latents + (quantise(latents) - latents).detach()


def entropies(latents: Tensor) -> tuple[Tensor, Tensor]:
    """The two entropies of LFQ's regulariser, the bits taken as independent, in nats a bit.

    With p = sigmoid(4 z), the softmax over the two codes -1 and +1 of their squared distances to z:
    mean of H(p) over tokens (low: each token is sure of its code), and H(mean of p) (high: every bit is used).
    """
    logits = 4 * latents
    token = F.softplus(logits) - torch.sigmoid(logits) * logits
    p = torch.sigmoid(logits).mean(dim=(0, 2, 3, 4)).clamp(1e-6, 1 - 1e-6)
    # torch's log is MKL's, whose last bits differ between makers of CPUs; xlogy is torch's own.
    return token.mean(), -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)).mean()
