"""tokenizer: layers by name over both quantisers, and what latents and codes must be."""

import numpy as np
import pytest
import torch
from torch import nn

from trajprobe.backbones.parts import tokenizer
from trajprobe.backbones.parts.lfq import LookupFree
from trajprobe.backbones.parts.vq import Codebook


class Small(nn.Module):
    """A tokenizer whose hidden layer is twice its input, and whose latents are that layer less 1."""

    def __init__(self, quantiser):
        super().__init__()
        self.quantiser = quantiser

    def hidden(self, x):
        return 2 * x

    def latents(self, hidden):
        return hidden - 1

    def encode(self, x):
        return self.latents(self.hidden(x))

    def codes(self, latents):
        return self.quantiser.codes(latents)


def rows():
    torch.manual_seed(0)
    return Codebook(20, 3)


@pytest.fixture(params=["lookup-free", "codebook"])
def network(request):
    return Small(LookupFree(3) if request.param == "lookup-free" else rows())


def video():
    return torch.randn(2, 3, 2, 4, 5, generator=torch.Generator().manual_seed(1))


def test_the_hidden_layer_and_the_latents_are_the_networks(network):
    assert torch.equal(tokenizer.layer(network, video(), "hidden"), 2 * video())
    assert torch.equal(tokenizer.layer(network, video(), "latents"), 2 * video() - 1)


def test_layers_of_codes_against_numpy():
    x = video()
    z = 2 * x.numpy() - 1
    codebook = rows()
    distances = ((np.moveaxis(z, 1, -1)[..., None, :] - codebook.embeddings.numpy()) ** 2).sum(-1)
    codes = distances.argmin(-1)
    expected = {
        "lookup-free": (np.where(z > 0, 1, -1), sum((z[:, d] > 0).astype(int) << d for d in range(3)), 8),
        "codebook": (np.moveaxis(codebook.embeddings.numpy()[codes], -1, 1), codes, 20),
    }
    for name, quantiser in (("lookup-free", LookupFree(3)), ("codebook", codebook)):
        vectors, codes, count = expected[name]
        np.testing.assert_array_equal(tokenizer.layer(Small(quantiser), x, "codes").numpy(), vectors)
        counted = [[np.bincount(step.ravel(), minlength=count) / 20 for step in clip] for clip in codes]
        histogram = tokenizer.layer(Small(quantiser), x, "histogram").numpy()
        np.testing.assert_allclose(histogram[..., 0, 0], np.transpose(counted, (0, 2, 1)), atol=1e-7)


def test_codes_alone_give_the_same_layers(network):
    codes = network.codes(network.encode(video()))
    for name in tokenizer.DISCRETE:
        assert torch.equal(tokenizer.from_codes(network, codes, name), tokenizer.layer(network, video(), name))
    assert 0 <= int(codes.min()) <= int(codes.max()) < 2 ** tokenizer.code_bits(network)
    assert tokenizer.code_bits(network) == network.quantiser.bits


def test_the_shapes_are_known_without_any_values(network):
    with torch.device("meta"):
        network, x = network.to("meta"), torch.empty(2, 3, 2, 4, 5)
    for name, channels in (("hidden", 3), ("latents", 3), ("codes", 3)):
        assert tokenizer.layer(network, x, name).shape == (2, channels, 2, 4, 5)
    assert tokenizer.layer(network, x, "histogram").shape[2:] == (2, 1, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", tokenizer.DISCRETE)
def test_latents_that_are_not_finite_do_not_become_finite_features(network, name, value):
    """A code is always finite, so the features' own check for finite values would see nothing."""
    x = video()
    x[0, 1, 1, 2, 2] = value
    layer = tokenizer.layer(network, x, name)
    assert layer[0, :, 1].isnan().all()
    assert layer[0, :, 0].isfinite().all()
    assert layer[1].isfinite().all()


def test_an_unknown_layer_is_refused(network):
    with pytest.raises(ValueError, match="got layer 'bits', expected one of hidden, latents, codes, histogram"):
        tokenizer.layer(network, video(), "bits")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 1, 5, 8, 8), r"got an input of shape .*, expected \[b c t h w\] with c = 3"),
        (torch.zeros(3, 5, 8, 8), "got an input of shape"),
        (torch.zeros(1, 3, 5, 0, 8), "got an input of shape"),
        (torch.zeros(1, 3, 5, 8, 8, dtype=torch.float64), "got an input of torch.float64, expected torch.float32"),
    ],
)
def test_an_input_of_another_shape_or_type_is_refused(x, message):
    tokenizer.check_input(torch.zeros(1, 3, 5, 8, 8), torch.float32)
    with pytest.raises(ValueError, match=message):
        tokenizer.check_input(x, torch.float32)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (torch.zeros(1, 4, 1, 1, 1), r"got latents of shape .*, expected \[b d t h w\] with d = 3"),
        (torch.zeros(1, 3, 1, 1), "got latents of shape"),
        (torch.zeros(1, 3, 1, 1, 1, dtype=torch.bfloat16), "got latents of torch.bfloat16, expected float32"),
        (torch.zeros(1, 3, 1, 1, 1, dtype=torch.int64), "got latents of torch.int64, expected float32"),
    ],
)
def test_latents_of_another_shape_or_precision_are_refused(latents, message):
    for dtype in (torch.float32, torch.float64):
        tokenizer.check_latents(torch.zeros(1, 3, 1, 1, 1, dtype=dtype), 3)
    with pytest.raises(ValueError, match=message):
        tokenizer.check_latents(latents, 3)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(1, 1, 1, dtype=torch.int64), r"got codes of shape .*, expected \[b t h w\]"),
        (torch.zeros(1, 0, 1, 1, dtype=torch.int64), "got codes of shape"),
        (torch.zeros(1, 1, 1, 1), "got codes of torch.float32, expected int64"),
        (torch.tensor([0, 7, 8]).reshape(1, 3, 1, 1), "got codes from 0 to 8, expected 0 to 7"),
        (torch.tensor([0, 7, -1]).reshape(1, 3, 1, 1), "got codes from -1 to 7, expected 0 to 7"),
    ],
)
def test_codes_of_another_shape_or_out_of_range_are_refused(codes, message):
    tokenizer.check_codes(torch.tensor([0, 7]).reshape(1, 2, 1, 1), 8)
    with pytest.raises(ValueError, match=message):
        tokenizer.check_codes(codes, 8)
