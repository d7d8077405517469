"""Lookup-free quantisation against numpy: which bit is which, and what its entropies are."""

import numpy as np
import pytest
import torch

from trajprobe.backbones.parts import lfq


def latents(bits=5, scale=1.0):
    return scale * torch.randn(2, bits, 3, 4, 2, generator=torch.Generator().manual_seed(0))


def test_a_bit_is_one_only_above_zero():
    z = torch.tensor([-1.0, -0.0, 0.0, 1e-30, 1.0, np.nan, np.inf, -np.inf]).reshape(1, 8, 1, 1, 1)
    assert lfq.bits(z).flatten().tolist() == [False, False, False, True, True, False, True, False]
    assert lfq.quantise(z).flatten().tolist() == [-1, -1, -1, 1, 1, -1, 1, -1]


def test_codes_are_little_endian():
    z = latents()
    expected = np.zeros((2, 3, 4, 2), dtype=np.int64)
    for d in range(5):
        expected += (z.numpy()[:, d] > 0).astype(np.int64) * 2**d
    codes = lfq.LookupFree(5).codes(z)
    assert codes.dtype == torch.int64
    np.testing.assert_array_equal(codes.numpy(), expected)
    only_first, only_last = -torch.ones(2, 4, 1, 1, 1)
    only_first[0], only_last[-1] = 1, 1
    assert lfq.LookupFree(4).codes(only_first[None]).item() == 1
    assert lfq.LookupFree(4).codes(only_last[None]).item() == 8


@pytest.mark.parametrize("bits", [1, 5, 18, 30])
def test_vectors_are_the_quantised_latents_again(bits):
    z, quantiser = latents(bits), lfq.LookupFree(bits)
    ones = torch.ones_like(z)
    for pattern in (z, ones, -ones):
        restored = quantiser.vectors(quantiser.codes(pattern))
        assert restored.dtype == torch.float32
        torch.testing.assert_close(restored, lfq.quantise(pattern), rtol=0, atol=0)
    assert int(quantiser.codes(ones).max()) == 2**bits - 1


def test_straight_through_gives_signs_and_the_gradient_of_the_identity():
    z = latents().requires_grad_()
    out = lfq.straight_through(z)
    torch.testing.assert_close(out.detach(), torch.from_numpy(np.where(z.detach().numpy() > 0, 1.0, -1.0)).float())
    weights = torch.arange(float(z.numel())).reshape(z.shape)
    (out * weights).sum().backward()
    torch.testing.assert_close(z.grad, weights, rtol=0, atol=0)


def test_entropies_are_those_of_a_softmax_over_the_two_distances():
    z = latents(scale=0.5).numpy().astype(np.float64)
    nearness = np.stack([-((z - 1) ** 2), -((z + 1) ** 2)])
    p = np.exp(nearness) / np.exp(nearness).sum(0)
    mean = p.mean(axis=(1, 3, 4, 5))
    token, code = lfq.entropies(torch.from_numpy(z))
    np.testing.assert_allclose(token.item(), -(p * np.log(p)).sum(0).mean(), rtol=1e-9)
    np.testing.assert_allclose(code.item(), -(mean * np.log(mean)).sum(0).mean(), rtol=1e-9)


@pytest.mark.parametrize("value", [-100.0, 100.0])
def test_entropies_of_sure_bits_are_near_zero_with_finite_gradients(value):
    z = torch.full((1, 2, 1, 2, 2), value, requires_grad=True)
    token, code = lfq.entropies(z)
    (token + code).backward()
    assert 0 <= token.item() < 1e-6
    assert 0 <= code.item() < 1e-4
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(("channels", "bins"), [(3, [8]), (6, [64]), (8, [64, 4]), (18, [64, 64, 64])])
def test_a_histogram_counts_the_values_of_each_sub_code_in_each_step(channels, bins):
    latents = torch.randn(2, channels, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    quantiser = lfq.LookupFree(channels)
    histogram = quantiser.histogram(quantiser.codes(latents)).numpy()
    assert histogram.shape == (2, sum(bins), 3, 1, 1)
    assert histogram.dtype == np.float32
    bits = (latents.numpy() > 0).astype(int)
    expected = []
    for part in np.split(bits, range(6, channels, 6), axis=1):
        values = sum(part[:, i] << i for i in range(part.shape[1]))
        expected.append([[np.bincount(step.ravel(), minlength=2 ** part.shape[1]) / 20 for step in c] for c in values])
    np.testing.assert_allclose(histogram[..., 0, 0], np.concatenate(expected, 2).transpose(0, 2, 1), atol=1e-7)
