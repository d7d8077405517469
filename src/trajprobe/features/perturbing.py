"""Perturbations: each takes one thing away that the features of a row may owe their accuracy to, and nothing else.

What is left of the accuracy when the clips have lost the order of their frames, or all frames but one, or the weights
have kept their values and lost their places, is no work of what was taken away.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trajprobe.files.content_key import closure_hash

Video = NDArray[np.uint8]
#: Of the one draw that permutes the weights; the order of a clip's frames is drawn from the clip itself.
SEED = 0


def shuffled_frames(video: Video) -> Video:
    """Clips uint8 [b t h w c], the frames of each in an order of its own.

    All orders are equally likely, the true one among them. A clip's order is drawn from its bytes: neither where it
    stands in the data set nor which clips are beside it changes it, and so a shard depends on its own clips alone.
    """
    order = [np.random.default_rng(np.frombuffer(_digest(clip), np.uint32)).permutation(len(clip)) for clip in video]
    return np.take_along_axis(video, np.array(order)[..., None, None, None], axis=1)


def middle_frame(video: Video) -> Video:
    """Clips uint8 [b t h w c], each frame replaced by frame t // 2: as many as before, which some networks ask for."""
    middle = video.shape[1] // 2
    return np.repeat(video[:, middle : middle + 1], video.shape[1], axis=1)


def permuted_weights(network: nn.Module) -> None:
    """Permutes the entries within each tensor of the weights: its distribution is kept, its structure is not.

    Running statistics are permuted like any other; whole numbers, which only keep count, stay. It is drawn on the CPU,
    and so the same for any device.
    """
    generator = torch.Generator().manual_seed(SEED)
    tensors = network.state_dict()
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            order = torch.randperm(tensor.numel(), generator=generator)
            tensors[name] = tensor.flatten()[order.to(tensor.device)].reshape(tensor.shape)
    network.load_state_dict(tensors, assign=True)  # new ones: the old may be the file itself, mapped into memory


def _as_it_is(video: Video) -> Video:
    return video


def _left_alone(network: nn.Module) -> None:
    pass


def _digest(clip: Video) -> bytes:
    return hashlib.sha256(clip.tobytes()).digest()


@dataclass(frozen=True)
class Perturbation:
    """What is done to the clips and to the network before the one goes through the other: by default nothing."""

    name: str = ""
    video: Callable[[Video], Video] = _as_it_is  #: uint8 [b t h w c] -> of the same shape
    network: Callable[[nn.Module], None] = _left_alone  #: changes it

    @property
    def recipe(self) -> dict[str, Any]:
        """What it adds to the recipe of features, which of an unperturbed row says nothing."""
        return {"perturbation": {"name": self.name, "code": closure_hash(__name__)}} if self.name else {}


UNPERTURBED = Perturbation()
PERTURBATIONS = {
    each.name: each
    for each in (
        Perturbation("shuffled-frames", video=shuffled_frames),
        Perturbation("middle-frame", video=middle_frame),
        Perturbation("permuted-weights", network=permuted_weights),
    )
}
