"""The arithmetic between clips and features, against numpy."""

import msgspec
import numpy as np
import pytest
import torch
from small import ARCHITECTURE, VIDEO, built

from trajprobe.backbones import magvit2_tiny
from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.features.tokens import POOLINGS, Encoding, microbatches, pack, tmean, unpack
from trajprobe.rows import View

TOKENS = np.random.default_rng(0).normal(size=(2, 3, 5, 4, 6))
ORACLES = {
    "tmean": TOKENS.mean(axis=(3, 4)).transpose(0, 2, 1),
    "tdiff": np.diff(TOKENS.mean(axis=(3, 4)).transpose(0, 2, 1), axis=1),
    "mean": TOKENS.mean(axis=(2, 3, 4))[:, None],
    "flatten": TOKENS.transpose(0, 2, 3, 4, 1).reshape(2, 5, -1),
    "none": TOKENS.transpose(0, 2, 3, 4, 1).reshape(2, -1, TOKENS.shape[1]),
}
CPU = torch.device("cpu")
CLIPS = torch.from_numpy(VIDEO)


def encoding(layer="hidden", pooling="tmean", dtype=torch.float32):
    architecture = msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture)
    return Encoding(family("magvit2_tiny"), architecture, (View(layer, pooling),), dtype, "net")


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_is_what_numpy_makes_of_the_tokens(name):
    pooled = POOLINGS[name](torch.from_numpy(TOKENS))
    np.testing.assert_allclose(pooled.numpy(), ORACLES[name], atol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_features_are_the_pooled_tokens_of_the_layer(pooling):
    network = built().eval()
    (tokens,) = encoding().tokens(network, CLIPS, ["hidden"])
    assert (tokens.shape, tokens.dtype, tokens.is_contiguous()) == ((10, 8, 2, 2, 2), torch.float32, True)
    np.testing.assert_array_equal(tokens, network.hidden(magvit2_tiny.preprocess(CLIPS)))
    np.testing.assert_array_equal(encoding(pooling=pooling).features(network, CLIPS)[0], POOLINGS[pooling](tokens))


@torch.no_grad()
def test_lower_precision_ends_with_the_network():
    (tokens,) = encoding(dtype=torch.bfloat16).tokens(built().eval().bfloat16(), CLIPS, ["hidden"])
    assert tokens.dtype == torch.float32
    difference = (tokens - encoding().tokens(built().eval(), CLIPS, ["hidden"])[0]).abs().max()
    assert 1e-4 < difference < 0.1


@pytest.mark.parametrize("layer", ["codes", "histogram"])
@torch.no_grad()
def test_features_from_codes_are_those_from_the_video(layer):
    network, of = built().eval(), encoding(layer)
    codes = of.codes(network, CLIPS)
    assert (codes.shape, codes.dtype) == ((10, 2, 2, 2), torch.int64)
    np.testing.assert_array_equal(tmean(of.from_codes(network, codes, layer)), of.features(network, CLIPS)[0])


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@torch.no_grad()
def test_latents_that_are_not_finite_have_no_codes(value):
    network = built().eval()
    network.conv_out.bias[0] = value
    with pytest.raises(UserError, match=r"^net: the network gave values that are not finite; its weights or its input"):
        encoding("codes").codes(network, CLIPS)


def test_a_pooling_of_the_family_is_its_own():
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    pixels = {"resize": 32, "resample": "bilinear", "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    of = family("huggingface")
    architecture = msgspec.convert(
        {"model": "CLIPVisionModel", "config": vision | {"image_size": 32, "patch_size": 16}} | pixels, of.Architecture
    )
    torch.manual_seed(3)
    network = of.build(architecture).eval()
    with torch.no_grad():
        features = Encoding(of, architecture, (View("last", "cls"),), torch.float32, "net").features(
            network, CLIPS[:2]
        )[0]
        expected = of.pooled(network, of.preprocess(CLIPS[:2], architecture), "last", "cls")
    assert features.shape == (2, 5, 32)
    np.testing.assert_array_equal(features, expected)


@pytest.mark.parametrize("count", [1, 4, 5, 10, 16])
def test_microbatches_are_of_one_size_and_the_last_one_ends_in_zeros(count):
    parts = list(microbatches(VIDEO, count, CPU))
    assert [len(x) for x, _ in parts] == [count] * -(-10 // count)
    np.testing.assert_array_equal(torch.cat([x[:items] for x, items in parts]), VIDEO)
    last, items = parts[-1]
    assert (last.dtype, items) == (torch.uint8, 10 - count * (len(parts) - 1))
    assert not last[items:].any()


@pytest.mark.parametrize("bits", [1, 4, 11, 18, 31])
def test_packed_codes_come_back(bits):
    codes = np.random.default_rng(0).integers(0, 2**bits, (7, 2, 3, 5))
    packed = pack(codes, bits)
    assert packed.shape == (7, -(-30 * bits // 8))
    number = int.from_bytes(packed[3].tobytes(), "little")  # one number, whose lowest bits are the first code
    assert [(number >> bits * i) & (2**bits - 1) for i in range(30)] == codes[3].ravel().tolist()
    np.testing.assert_array_equal(unpack(packed, bits, (2, 3, 5)), codes)


def test_codes_of_the_released_shape_take_18_bits_a_token():
    codes = np.random.default_rng(0).integers(0, 2**18, (256, 2, 16, 16))
    assert pack(codes, 18).shape == (256, 1152)
