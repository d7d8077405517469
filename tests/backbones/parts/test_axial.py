"""axial: attention along one axis at a time, against numpy in float64."""

import numpy as np
import pytest
import torch

from trajprobe.backbones.parts.axial import AxialAttention


def attention(x, weights, axis):
    """One head after another, line by line: [t h w c] -> the same."""
    q, k, v, out, bias = weights
    x = np.moveaxis(x, axis, -2)
    lines = np.zeros_like(x)
    half = x.shape[-1] // 2
    for at in np.ndindex(x.shape[:-2]):
        line = x[at]
        heads = []
        for rows in (slice(0, half), slice(half, None)):
            scores = (line @ q[rows].T) @ (line @ k[rows].T).T / np.sqrt(half)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(scores / scores.sum(-1, keepdims=True) @ (line @ v[rows].T))
        lines[at] = np.concatenate(heads, -1) @ out.T + bias
    return np.moveaxis(lines, -2, axis)


@pytest.mark.parametrize("size", [(2, 3, 4), (1, 5, 2), (4, 1, 1)])
def test_it_is_the_sum_of_softmax_attentions_along_w_h_and_t(size):
    torch.manual_seed(0)
    layer = AxialAttention(6).double().requires_grad_(False)
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    expected = np.zeros(x.shape)
    for axis, one in ((2, layer.attn_w), (1, layer.attn_h), (0, layer.attn_t)):
        torch.nn.init.normal_(one.fc.bias)
        weights = [tensor.numpy() for tensor in (one.w_qs.weight, one.w_ks.weight, one.w_vs.weight)]
        weights += [one.fc.weight.numpy(), one.fc.bias.numpy()]
        for b, clip in enumerate(x.permute(0, 2, 3, 4, 1).numpy()):
            expected[b] += attention(clip, weights, axis).transpose(3, 0, 1, 2)
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)


def test_clips_of_a_batch_do_not_see_each_other():
    torch.manual_seed(0)
    layer = AxialAttention(4).requires_grad_(False)
    x = torch.randn(3, 4, 2, 3, 5)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]), atol=1e-6, rtol=0)
