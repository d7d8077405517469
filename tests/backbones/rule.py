"""The rule by which the golden vectors' weights and inputs were made: numpy and zlib alone, the same with any torch."""

import zlib

import numpy as np
import torch


def weight(key, shape, seed):
    """The float32 values of the tensor that upstream's checkpoint calls `key`."""
    generator = np.random.Generator(np.random.PCG64(seed * 2**32 + zlib.crc32(key.encode())))
    values = generator.standard_normal(shape)
    if len(shape) >= 2:  # convolutions and linear maps
        values = values / np.sqrt(np.prod(shape[1:]))
    elif key.endswith(".weight"):  # scales of norms
        values = 1 + 0.1 * values
    else:
        values = 0.1 * values
    return values.astype(np.float32)


def fill(network, seed, prefix=""):
    """Gives `network`, built on torch's meta device, the weights of `seed`."""
    named = {key: torch.from_numpy(weight(prefix + key, t.shape, seed)) for key, t in network.state_dict().items()}
    network.load_state_dict(named, assign=True)
    return network.eval().requires_grad_(False)


def video(seed, shape, low_contrast=False):
    """uint8 [b t h w c]: blocks of 4 x 4 pixels that stand still, and noise upon them in each frame."""
    b, t, h, w = shape
    generator = np.random.Generator(np.random.PCG64(seed))
    base = generator.integers(0, 192, size=(b, 1, h // 4, w // 4, 3), dtype=np.int64)
    noise = generator.integers(0, 64, size=(b, t, h, w, 3), dtype=np.int64)
    clip = (base.repeat(4, axis=2).repeat(4, axis=3) + noise).astype(np.uint8)
    return 127 + clip % 2 if low_contrast else clip
