"""The objective of pretraining, and the figures that show what was learned. No labels anywhere.

Most pixels of a clip are black, so a network that is no better than an all-black frame has a small MSE: errors are
weighted by brightness, and figures are also reported on the blob alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trajprobe.backbones.parts import lfq

BRIGHTNESS_WEIGHT = 100.0
PREDICTION_WEIGHT = 4.0
TOKEN_ENTROPY_WEIGHT, CODE_ENTROPY_WEIGHT = 0.02, 0.1
COMMITMENT_WEIGHT = 0.1
#: A pixel brighter than this (of 0 .. 1) is on a blob.
ON_BLOB = 0.1


@dataclass(frozen=True)
class Losses:
    """The terms of the objective, each a scalar tensor."""

    reconstruction: Tensor
    prediction: Tensor
    token_entropy: Tensor
    code_entropy: Tensor
    commitment: Tensor

    @property
    def total(self) -> Tensor:
        return (
            self.reconstruction
            + PREDICTION_WEIGHT * self.prediction
            + TOKEN_ENTROPY_WEIGHT * self.token_entropy
            - CODE_ENTROPY_WEIGHT * self.code_entropy
            + COMMITMENT_WEIGHT * self.commitment
        )


def losses(latents: Tensor, reconstruction: Tensor, prediction: Tensor, target: Tensor, step: int) -> Losses:
    """The objective.

    Args:
        latents: [b d t h w], before quantisation.
        reconstruction: [b c t h w], decoded from the codes.
        prediction: [b c t h w], decoded from the codes by the predictor, whose target is the next token's frames.
        target: [b c t h w], the input; all videos in [-1, 1].
        step: frames of a token (the first token has one frame).
    """
    token, code = lfq.entropies(latents)
    return Losses(
        reconstruction=weighted_error(reconstruction, target),
        # The predictor's frame f is compared with frame f + step. Its first frame is that of the first token, which
        # can't predict all `step` frames of the next one.
        prediction=weighted_error(prediction[:, :, 1:-step], target[:, :, 1 + step :]),
        token_entropy=token,
        code_entropy=code,
        commitment=((latents - lfq.quantise(latents).detach()) ** 2).mean(),
    )


def weighted_error(video: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of videos [b c t h w] in [-1, 1], on the scale 0 .. 1, weighted by 1 + 100 * brightness."""
    weight = 1 + BRIGHTNESS_WEIGHT * brightness(target)
    return (weight * ((video - target) / 2) ** 2).sum() / weight.sum()


def brightness(video: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]."""
    return (video + 1) / 2


@torch.no_grad()
def figures(latents: Tensor, codes: Tensor, video: Tensor, target: Tensor) -> dict[str, float]:
    """Scalars that show how good and how diverse the codes are, on clips that were not trained on.

    `mse`, `weighted_mse` and `blob_mse` (pixels on a blob) each have the value of an all-black video beside them.
    """
    black = torch.full_like(target, -1)
    on_blob = brightness(target) > ON_BLOB
    share = lfq.bits(latents).float().mean(dim=(0, 2, 3, 4))
    return {
        "mse": float(((video - target) ** 2).mean() / 4),
        "mse_black": float(((black - target) ** 2).mean() / 4),
        "weighted_mse": float(weighted_error(video, target)),
        "weighted_mse_black": float(weighted_error(black, target)),
        "blob_mse": float(((video - target)[on_blob] ** 2).mean() / 4),
        "blob_mse_black": float(((black - target)[on_blob] ** 2).mean() / 4),
        "tokens": float(codes.numel()),
        "distinct_codes": float(len(set(codes.flatten().tolist()))),
        "dead_bits": float(((share == 0) | (share == 1)).sum()),
        "rarest_bit": float(torch.minimum(share, 1 - share).min()),
    }
