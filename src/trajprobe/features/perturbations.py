"""Perturbations: each removes one thing that a row's accuracy may come from, and nothing else.

The order of a clip's frames, all frames but one, or the places of a network's weights: accuracy that survives without
it does not depend on it. Reversal removes nothing: it is half of the question which way time runs.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Video = NDArray[np.uint8]
#: Of the one draw that permutes the weights. The order of a clip's frames is drawn from the clip itself.
SEED = 0


def shuffled_frames(video: Video) -> Video:
    """Clips uint8 [b t h w c], the frames of each in a random order of its own.

    All orders are equally likely, the true one among them. A clip's order is drawn from its bytes, so a shard depends
    on its own clips alone: neither on their place in the data set nor on the clips beside them.
    """
    seeds = (np.frombuffer(hashlib.sha256(clip.tobytes()).digest(), np.uint32) for clip in video)
    order = [np.random.default_rng(seed).permutation(video.shape[1]) for seed in seeds]
    return np.take_along_axis(video, np.array(order)[..., None, None, None], axis=1)


def middle_frame(video: Video) -> Video:
    """Clips uint8 [b t h w c], every frame replaced by frame t // 2: as many as before, which some networks need."""
    middle = video.shape[1] // 2
    return np.repeat(video[:, middle : middle + 1], video.shape[1], axis=1)


def reversed_frames(video: Video) -> Video:
    """Clips uint8 [b t h w c], played backwards."""
    return np.ascontiguousarray(video[:, ::-1])  # torch takes no negative strides


#: Inputs by name: uint8 [b t h w c] -> the same shape. A further perturbation is a function and an entry here.
INPUTS: dict[str, Callable[[Video], Video]] = {
    "plain": lambda video: video,
    "reversed": reversed_frames,
    "shuffled-frames": shuffled_frames,
    "middle-frame": middle_frame,
}


def permute_weights(network: nn.Module) -> None:
    """Permutes the entries within each tensor of the weights: their distribution stays, their structure does not.

    Running statistics are permuted too; integers, which only count, stay. It is drawn on the CPU, and so the same for
    any device.
    """
    generator = torch.Generator().manual_seed(SEED)
    tensors = network.state_dict()
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            order = torch.randperm(tensor.numel(), generator=generator)
            tensors[name] = tensor.flatten()[order.to(tensor.device)].reshape(tensor.shape)
    network.load_state_dict(tensors, assign=True)  # new ones: the old may be the file itself, mapped into memory
