"""open_magvit2 against what upstream's own network gave (golden vectors), and its properties."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from rule import fill, video

from trajprobe.backbones import open_magvit2 as om

GOLDEN = Path(__file__).parent / "golden/open_magvit2.npz"
SHARED = Path(__file__).parents[3] / "shared/golden/open_magvit2/public.npz"
TOLERANCE = 5e-5
SHAPES = {
    "tiny18": (32, (1, 2, 2, 4), 1, 18),
    "tiny10": (32, (1, 2, 2, 4), 1, 10),
    "official": (128, (1, 2, 2, 4), 4, 18),
}
# name: shape, seed of the weights, seed of the clip, (b t h w)
CASES = {
    "tiny18_b2t5": ("tiny18", 0, 1000, (2, 5, 32, 32)),
    "tiny18_t17": ("tiny18", 0, 1000, (1, 17, 32, 32)),
    "tiny18_t1": ("tiny18", 0, 1000, (1, 1, 32, 32)),
    "tiny18_lowcontrast": ("tiny18", 0, 1000, (1, 5, 32, 32)),
    "tiny18_ema_t5": ("tiny18", 100, 1000, (1, 5, 32, 32)),
    "tiny10_t5": ("tiny10", 0, 1000, (1, 5, 32, 32)),
}
OFFICIAL = (1003, (1, 5, 128, 128))


def built(shape, seed):
    with torch.device("meta"):
        network = om.OpenMagvit2(*SHAPES[shape])
    return fill(network, seed)


@pytest.fixture(scope="module")
def tiny():
    return built("tiny18", 0)


@pytest.fixture(scope="module")
def official():
    """At its full width, with two threads: with one, torch takes a slow convolution for a single clip."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield built("official", 0)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN)


def as_input(clip):
    return torch.from_numpy(clip).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def clips(frames, height, width, batch=1, seed=0):
    return torch.rand(batch, 3, frames, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def codes_of(latents):
    return ((latents > 0).astype(np.int64) * (1 << np.arange(latents.shape[1]))[:, None, None, None]).sum(1)


def assert_golden(network, clip, latents, recon=None):
    with torch.inference_mode():
        found = network.encode(as_input(clip))
        codes = network.codes(found)
        assert np.abs(found.numpy() - latents).max() < TOLERANCE
        np.testing.assert_array_equal(codes.numpy(), codes_of(latents))
        if recon is not None:
            assert np.abs(network.decode(codes).numpy() - recon).max() < TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_small_networks_give_what_upstreams_gave(golden, case):
    shape, seed, clip, size = CASES[case]
    u8 = video(clip, size, low_contrast=case == "tiny18_lowcontrast")
    assert_golden(built(shape, seed), u8, golden[f"{case}.latent"], golden[f"{case}.recon"])


def test_the_official_network_gives_what_upstreams_gave(official, golden):
    assert_golden(official, video(*OFFICIAL), golden["official_t5_128.latent"])


def test_the_official_decoder_gives_what_upstreams_gave(official):
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not here: its reconstruction is too big to be kept in the repository")
    golden = np.load(SHARED)
    codes = torch.from_numpy(codes_of(golden["official_t5_64.latent"]))
    with torch.inference_mode():
        assert np.abs(official.decode(codes).numpy() - golden["official_t5_64.recon"]).max() < TOLERANCE


def test_batches_change_rounding_alone_and_no_bit_among_identical_clips(official):
    x = as_input(video(5, (2, 1, 64, 64)))[[0, 1, 0, 0]]
    with torch.inference_mode():
        together, alone = official.encode(x), official.encode(x[:1])
    assert torch.equal(together[0], together[2])
    assert torch.equal(together[0], together[3])
    assert (together[:1] - alone).abs().max() < 2e-5


def test_the_official_network_has_the_published_number_of_tensors_and_parameters():
    with torch.device("meta"):
        network = om.OpenMagvit2()
    for part, tensors, parameters in ((network.encoder, 133, 144_865_298), (network.decoder, 150, 225_682_051)):
        assert len(part.state_dict()) == tensors
        assert sum(tensor.numel() for tensor in part.parameters()) == parameters
    assert network.state_dict().keys() == om.build(om.Architecture()).state_dict().keys()


@pytest.mark.parametrize(("key", "height", "width"), [("pre_100x160", 100, 160), ("pre_200x144", 200, 144)])
def test_preprocessing_is_within_a_grey_level_of_opencvs(golden, key, height, width):
    seed = {"pre_100x160": 7, "pre_200x144": 8}[key]
    x = om.preprocess(torch.from_numpy(video(seed, (1, 2, height, width))[:, :1]))
    assert x.shape == (1, 3, 1, 128, 128)
    levels = (x[0].permute(1, 2, 3, 0).numpy() + 1) * 127.5
    assert np.abs(levels - golden[key]).max() < 1.01
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)  # whole grey levels, as upstream's


def test_preprocessing_at_128_is_bit_equal_to_upstreams_arithmetic():
    u8 = np.resize(np.arange(256, dtype=np.uint8), (1, 1, 128, 128, 3))
    expected = (u8.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    np.testing.assert_array_equal(om.preprocess(torch.from_numpy(u8)).numpy(), expected.transpose(0, 4, 1, 2, 3))


@pytest.mark.parametrize("frames", [1, 5, 9, 17])
def test_decoding_restores_the_shape(tiny, frames):
    x = clips(frames, 16, 24, batch=2)
    codes = tiny.codes(tiny.encode(x))
    assert codes.shape == (2, (frames + 3) // 4, 2, 3)
    assert codes.dtype == torch.int64
    assert tiny.decode(codes).shape == x.shape


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 9), (8, 20)])
def test_clips_of_any_size_are_encoded(tiny, frames, height, width):
    latents = tiny.encode(clips(frames, height, width))
    steps = math.ceil(frames / 4)
    assert latents.shape == (1, 18, steps, math.ceil(height / 8), math.ceil(width / 8))
    assert latents.isfinite().all()


def test_encoding_does_not_depend_on_the_batch(tiny):
    x = clips(5, 32, 32, batch=5)
    with torch.inference_mode():
        together, alone = tiny.encode(x), torch.cat([tiny.encode(clip[None]) for clip in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_identical_clips_give_identical_bits(tiny):
    x = clips(5, 32, 32).expand(4, -1, -1, -1, -1)
    with torch.inference_mode():
        latents = tiny.encode(x)
        assert all(torch.equal(latents[0], other) for other in latents[1:])
        assert torch.equal(latents, tiny.encode(x))


def test_the_length_of_the_clip_matters_as_it_does_upstream(tiny):
    x = clips(9, 16, 16)
    assert (tiny.encode(x)[:, :, 0] - tiny.encode(x[:, :, :5])[:, :, 0]).abs().max() > 1e-3


def test_gradients_and_training_mode_change_nothing(tiny):
    x = clips(5, 16, 16)
    with torch.inference_mode():
        expected = tiny.encode(x)
    with_gradient = tiny.train().encode(x.requires_grad_())
    torch.testing.assert_close(with_gradient, expected, atol=1e-6, rtol=0)
    with_gradient.sum().backward()
    assert x.grad.abs().max() > 0


def test_a_tokens_bits_are_its_latents_signs_channel_0_first(tiny):
    latents = torch.full((1, 18, 1, 1, 2), -1.0)
    latents[0, 0, 0, 0, 0] = latents[0, 17, 0, 0, 1] = 1
    latents[0, 3] = 0.0
    assert tiny.codes(latents).tolist() == [[[[1, 1 << 17]]]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n.encode(torch.zeros(1, 1, 5, 16, 16)), r"got an input of shape .*c = 3"),
        (lambda n: n.encode(torch.zeros(3, 5, 16, 16)), r"expected \[b c t h w\]"),
        (lambda n: n.encode(torch.zeros(1, 3, 0, 16, 16)), r"got an input of shape"),
        (lambda n: n.codes(torch.zeros(1, 17, 1, 1, 1)), "d = 18"),
        (lambda n: n.codes(torch.zeros(1, 18, 1, 1, 1, dtype=torch.bfloat16)), "bfloat16, expected float32"),
        (lambda n: n.decode(torch.zeros(1, 1, 1, 1, dtype=torch.int64)), "two tokens"),
        (lambda n: n.decode(torch.zeros(2, 2, 2, dtype=torch.int64)), r"expected \[b t h w\]"),
        (lambda n: n.decode(torch.full((1, 1, 2, 2), 1 << 18)), "expected 0 to 262143"),
        (lambda n: om.OpenMagvit2(ch=48), "divisible"),
        (lambda n: om.OpenMagvit2(32, ()), "no ch_mult"),
        (lambda n: n.encode(torch.zeros(1, 3, 5, 16, 16, dtype=torch.uint8)), "uint8, expected torch.float32"),
        (lambda n: n.encode(torch.zeros(1, 3, 5, 0, 16)), "got an input of shape"),
        (lambda n: n.codes(torch.zeros(1, 18, 1, 1, 1, dtype=torch.float16)), "float16, expected float32"),
        (lambda n: n.decode(torch.zeros(2, 1, 1, 1, dtype=torch.int64)), "two tokens"),
        (lambda n: n.decode(torch.zeros(0, 1, 2, 2, dtype=torch.int64)), "got codes of shape"),
        (lambda n: n.decode(torch.zeros(1, 1, 2, 2)), "float32, expected int64"),
        (lambda n: om.layer(n, torch.zeros(1, 3, 1, 8, 8), "nonsense"), "got layer 'nonsense'"),
    ],
)
def test_what_the_network_cannot_take_is_refused(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


@pytest.mark.parametrize(("frames", "fits"), [(1, True), (4, False), (5, True), (6, False), (17, True)])
def test_only_clips_whose_frames_fill_their_tokens_fit(frames, fits):
    if fits:
        om.check_clips(om.Architecture(), (frames, 128, 128))
    else:
        with pytest.raises(ValueError, match=rf"got clips of {frames} frames, expected 4k \+ 1: 1, 5, 9"):
            om.check_clips(om.Architecture(), (frames, 128, 128))


def test_other_multipliers_have_other_strides():
    assert om.strides((1, 2, 2, 4)) == [(1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert om.strides((2, 1, 1, 3)) == [(2, 2, 2), (1, 2, 2), (1, 2, 2)]
    om.check_clips(om.Architecture(ch_mult=(1, 2, 2)), (3, 128, 128))
    network = fill_random(om.OpenMagvit2(32, (2, 1, 2), 2, 5))
    x = clips(3, 8, 12, batch=2)
    latents = network.encode(x)
    assert latents.shape == (2, 5, 2, 2, 3)
    assert network.decode(network.codes(latents)).shape == x.shape


def fill_random(network):
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_type_takes_and_gives_that_type(dtype):
    network = fill_random(om.OpenMagvit2(32, (1, 2), 1, 5).to(dtype))
    latents = network.encode(clips(3, 8, 8).to(dtype))
    assert latents.dtype == dtype
    assert network.decode(network.codes(latents.double())).dtype == dtype


def test_the_codes_deviation_and_mean_scale_and_shift_a_normalised_input():
    torch.manual_seed(0)
    layer = om.AdaptiveGroupNorm(3, 64)
    x, code = 1e-3 * torch.randn(2, 64, 2, 3, 3), torch.randn(2, 3, 2, 2, 2)
    groups, flat = x.numpy().reshape(2, 32, -1), code.numpy().reshape(2, 3, -1)
    normal = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-6)
    deviation = np.sqrt(flat.var(2, ddof=1) + 1e-6)
    scale, shift = (
        linear(torch.from_numpy(values)).detach().numpy()[:, :, None, None, None]
        for linear, values in ((layer.gamma, deviation), (layer.beta, flat.mean(2)))
    )
    expected = scale * normal.reshape(x.shape) + shift
    np.testing.assert_allclose(layer(x, code).detach().numpy(), expected, atol=1e-5)


def test_layers_are_what_their_names_say(tiny):
    x = clips(5, 32, 32)
    hidden, latents, codes, histogram = (om.layer(tiny, x, name) for name in om.LAYERS)
    assert om.LAYERS == ("hidden", "latents", "codes", "histogram")
    assert om.DISCRETE == ("codes", "histogram")
    torch.testing.assert_close(latents, tiny.encode(x))
    weight, bias = tiny.encoder.conv_out.conv_1.weight[..., 0, 0, 0], tiny.encoder.conv_out.conv_1.bias
    projected = torch.einsum("dc,bcthw->bdthw", weight, hidden) + bias[:, None, None, None]
    torch.testing.assert_close(latents, projected, atol=1e-5, rtol=0)
    assert torch.equal(codes, torch.where(latents > 0, 1.0, -1.0))
    assert histogram.shape == (1, 192, 2, 1, 1)
