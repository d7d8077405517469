"""The rule by which VideoGPT's golden weights and clips were made: numpy and zlib alone, the same with any torch."""

import zlib

import numpy as np
import torch


def weight(key, shape, seed, loc, scale):
    """The values of the tensor that upstream's checkpoint calls `key`.

    Rows of the codebook lie around the case's own latents, whose mean `loc` and deviation `scale` each case keeps.
    """
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    values = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) + seed)).standard_normal(shape)
    if key == "codebook.embeddings":
        values = loc.astype(np.float64) + 0.3 * scale.astype(np.float64) * values
    elif key == "codebook.N":
        values = 1 + np.abs(values)
    elif key.endswith("running_mean"):
        values = 0.1 * values
    elif key.endswith("running_var"):
        values = 1 + 0.5 * np.abs(values)
    elif key == "codebook.z_avg":
        pass
    elif len(shape) >= 2:  # convolutions and linear maps
        values = values / np.sqrt(np.prod(shape[1:]))
    elif key.endswith(".bias"):
        values = 0.1 * values
    else:  # scales of norms
        values = 1 + 0.1 * values
    return values.astype(np.float32)


def fill(network, seed, loc, scale):
    """Gives `network`, built on torch's meta device, the weights of `seed`."""
    state = network.state_dict()
    named = {key: torch.from_numpy(np.asarray(weight(key, state[key].shape, seed, loc, scale))) for key in state}
    network.load_state_dict(named, assign=True)
    return network.requires_grad_(False)


def video(seed, shape):
    """uint8 [b t h w c]: a disc that crosses a slow gradient; whole numbers alone."""
    b, t, h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.int64)
    out = np.empty((*shape, 3), np.uint8)
    for clip in range(b):
        s = seed * 31 + clip * 17
        radius = max(2, min(h, w) // 6 + s % 3)
        for frame in range(t):
            column = (s * 5 + (3 + s % 4) * frame * w // (4 * t)) % w
            row = (s * 3 + (2 + s % 5) * frame * h // (4 * t)) % h
            disc = (x - column) ** 2 + (y - row) ** 2 <= radius**2
            for c in range(3):
                ground = (x * (1 + c) + y * (3 - c) + 5 * frame + 29 * s + 40 * c) % 160 // 2
                out[clip, frame, :, :, c] = np.where(disc, 250 - 45 * c - s % 30, ground)
    return out
