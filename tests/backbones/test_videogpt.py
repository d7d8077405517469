"""videogpt against what upstream's own network gave (golden vectors), and its properties."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from videogpt_rule import fill, video

from trajprobe.backbones import videogpt as vg

GOLDEN = Path(__file__).parent / "golden/videogpt.npz"
TINY = {"n_hiddens": 16, "embedding_dim": 8, "n_codes": 32}
# name: shape, seed of the weights and of the clip, (b t h w)
CASES = {
    "tiny_stride4x4x4": (TINY | {"n_res_layers": 1}, 0, (2, 8, 16, 24)),
    "tiny_stride4x2x2": (TINY | {"n_res_layers": 2, "downsample": (4, 2, 2)}, 1, (1, 8, 16, 16)),
    "ucf101_small": ({}, 2, (1, 8, 32, 32)),
    "ucf101_16x128": ({}, 2, (1, 16, 128, 128)),
}


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN)


@pytest.fixture(scope="module")
def two_threads():
    """With one thread torch takes a slow convolution for a single clip."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def built(case, golden):
    shape, seed, _ = CASES[case]
    with torch.device("meta"):
        network = vg.VideoGPT(**shape)
    return fill(network, seed, golden[f"{case}.codebook_loc"], golden[f"{case}.codebook_scale"])


@pytest.fixture
def tiny(golden):
    return built("tiny_stride4x4x4", golden)


def as_input(clip):
    return torch.from_numpy(clip).permute(0, 4, 1, 2, 3).float() / 255 - 0.5


def clips(frames, height, width, batch=1, seed=0):
    return torch.rand(batch, 3, frames, height, width, generator=torch.Generator().manual_seed(seed)) - 0.5


@pytest.mark.parametrize("case", CASES)
def test_the_network_gives_what_upstreams_gave(golden, two_threads, case):
    network = built(case, golden)
    _, seed, size = CASES[case]
    with torch.inference_mode():
        latents = network.encode(as_input(video(seed, size)))
        codes = network.codes(latents).numpy()
        expected, clear = golden[f"{case}.codes"], golden[f"{case}.min2_gap"] > 1e-4
        assert clear.mean() > 0.6
        np.testing.assert_array_equal(codes[clear], expected[clear])
        shown = latents if f"{case}.z" in golden else latents[:, :, :, ::8, ::8]
        known = golden[f"{case}.z" if f"{case}.z" in golden else f"{case}.z_sub"]
        assert np.abs(shown.numpy() - known).max() < 5e-6
        if f"{case}.recon" in golden:
            found = network.decode(torch.from_numpy(expected.astype(np.int64))).numpy()
            assert found.shape == (size[0], 3, *size[1:])
            known = golden[f"{case}.recon"]
            step = found.shape[-1] // known.shape[-1]
            assert np.abs(found[..., ::step, ::step] - known).max() < 5e-6


def test_the_published_shape_has_the_published_number_of_tensors_and_parameters():
    with torch.device("meta"):
        network = vg.VideoGPT()
        assert vg.build(vg.Architecture()).state_dict().keys() == network.state_dict().keys()
    assert len(network.state_dict()) == 283
    assert sum(tensor.numel() for tensor in network.parameters()) == 21_141_619


@pytest.mark.parametrize("name", ["land", "port", "odd", "up"])
def test_preprocessing_gives_what_upstreams_gave(golden, name):
    clip, expected = golden[f"preprocess.{name}_in"], golden[f"preprocess.{name}_out"]
    x = vg.preprocess(torch.from_numpy(clip)[None], vg.Architecture(resolution=16))
    assert x.shape == (1, 3, len(clip), 16, 16)
    np.testing.assert_allclose(x[0, :, : expected.shape[1]].numpy(), expected, atol=1e-6)


def test_preprocessing_at_native_size_is_bit_equal_to_upstreams_arithmetic():
    u8 = np.resize(np.arange(256, dtype=np.uint8), (2, 3, 32, 32, 3))
    expected = u8.astype(np.float32) / np.float32(255) - np.float32(0.5)
    x = vg.preprocess(torch.from_numpy(u8), vg.Architecture(resolution=32))
    np.testing.assert_array_equal(x.numpy(), expected.transpose(0, 4, 1, 2, 3))


def buffers(network):
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    "use",
    [
        lambda n, x: n.encode(x),
        lambda n, x: n.hidden(x),
        lambda n, x: n.codes(clips(6, 4, 8).view(1, 8, 6, 4, 3)),
        lambda n, x: n.decode(torch.arange(32).view(1, 2, 4, 4)),
        lambda n, x: vg.layer(n, x, "histogram"),
        lambda n, x: vg.layer(n, x, "codes"),
    ],
    ids=["encode", "hidden", "codes", "decode", "histogram", "rows"],
)
def test_using_the_network_changes_nothing_in_it_even_from_training_mode(tiny, use):
    x = clips(8, 16, 16, batch=2)
    expected, before = use(tiny.eval(), x), buffers(tiny)
    assert torch.equal(use(tiny.train(), x), expected)
    assert not any(module.training for module in tiny.modules())
    after = tiny.state_dict()
    assert after.keys() == before.keys()
    assert {"codebook.N", "encoder.res_stack.1.num_batches_tracked"} < before.keys()
    for key, tensor in before.items():
        assert torch.equal(after[key], tensor), key


def test_gradients_reach_the_input(tiny):
    x = clips(8, 16, 16)
    with torch.inference_mode():
        expected = tiny.encode(x)
    with_gradient = tiny.encode(x.requires_grad_())
    torch.testing.assert_close(with_gradient, expected, atol=1e-6, rtol=0)
    with_gradient.sum().backward()
    assert x.grad.abs().max() > 0


def test_encoding_does_not_depend_on_the_batch(tiny):
    x = clips(8, 16, 16, batch=5)
    with torch.inference_mode():
        together, alone = tiny.encode(x), torch.cat([tiny.encode(clip[None]) for clip in x])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("downsample", "convolutions"),
    [
        ((4, 4, 4), [(2, 2, 2), (2, 2, 2)]),
        ((4, 2, 2), [(2, 2, 2), (2, 1, 1)]),
        ((2, 4, 4), [(2, 2, 2), (1, 2, 2)]),
        ((1, 8, 4), [(1, 2, 2), (1, 2, 2), (1, 2, 1)]),
    ],
)
def test_strides_follow_from_the_factors(downsample, convolutions):
    assert vg.strides(downsample) == convolutions
    network = vg.VideoGPT(8, 1, 4, 16, downsample).requires_grad_(False)
    x = clips(8, 16, 24, batch=2)
    latents = network.encode(x)
    assert latents.shape == (2, 4, *(side // by for side, by in zip((8, 16, 24), downsample, strict=True)))
    codes = network.codes(latents)
    assert codes.shape == (2, *latents.shape[2:])
    assert codes.dtype == torch.int64
    assert network.decode(codes).shape == x.shape


@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_convolutions_are_padded_as_upstreams_are(stride):
    """With as many zeros on an axis as the kernel is longer than the stride, the odd one in front; both ways."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 6, 8)
    sides = [((4 - s) // 2 + (4 - s) % 2, (4 - s) // 2) for s in reversed(stride)]
    padded = torch.nn.functional.pad(x, [side for pair in sides for side in pair])
    down = vg.SamePadConv3d(3, 5, 4, stride)
    expected = torch.nn.functional.conv3d(padded, down.conv.weight, down.conv.bias, stride)
    torch.testing.assert_close(down(x), expected, atol=1e-5, rtol=0)
    up = vg.SamePadConvTranspose3d(3, 5, stride)
    expected = torch.nn.functional.conv_transpose3d(padded, up.convt.weight, up.convt.bias, stride, padding=3)
    assert expected.shape[2:] == tuple(side * s for side, s in zip((4, 6, 8), stride, strict=True))
    torch.testing.assert_close(up(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n.encode(torch.zeros(1, 1, 8, 16, 16)), r"got an input of shape .*c = 3"),
        (lambda n: n.encode(torch.zeros(3, 8, 16, 16)), r"expected \[b c t h w\]"),
        (lambda n: n.encode(torch.zeros(1, 3, 0, 16, 16)), "got an input of shape"),
        (lambda n: n.encode(torch.zeros(1, 3, 5, 16, 16)), "got clips of 5 frames, expected a multiple of 4"),
        (lambda n: n.encode(torch.zeros(1, 3, 17, 16, 16)), "got clips of 17 frames, expected a multiple of 4"),
        (lambda n: n.encode(torch.zeros(1, 3, 8, 18, 16)), "got clips of 18 rows, expected a multiple of 4"),
        (lambda n: n.encode(torch.zeros(1, 3, 8, 16, 2)), "got clips of 2 columns, expected a multiple of 4"),
        (lambda n: n.encode(torch.zeros(1, 3, 8, 16, 16, dtype=torch.uint8)), "uint8, expected torch.float32"),
        (lambda n: n.codes(torch.zeros(1, 7, 1, 1, 1)), "d = 8"),
        (lambda n: n.codes(torch.zeros(1, 8, 1, 1)), r"expected \[b d t h w\]"),
        (lambda n: n.codes(torch.zeros(1, 8, 1, 0, 1)), "got latents of shape"),
        (lambda n: n.codes(torch.zeros(1, 8, 1, 1, 1, dtype=torch.bfloat16)), "bfloat16, expected float32"),
        (lambda n: n.decode(torch.zeros(2, 2, 2, dtype=torch.int64)), r"expected \[b t h w\]"),
        (lambda n: n.decode(torch.zeros(1, 0, 2, 2, dtype=torch.int64)), "got codes of shape"),
        (lambda n: n.decode(torch.zeros(1, 1, 2, 2)), "float32, expected int64"),
        (lambda n: n.decode(torch.full((1, 1, 2, 2), 32)), "got codes from 32 to 32, expected 0 to 31"),
        (lambda n: n.decode(torch.full((1, 1, 2, 2), -1)), "got codes from -1 to -1"),
        (lambda n: vg.layer(n, torch.zeros(1, 3, 8, 8, 8), "nonsense"), "got layer 'nonsense'"),
        (lambda n: vg.VideoGPT(n_hiddens=15), "got n_hiddens 15, expected a multiple of 2"),
        (lambda n: vg.VideoGPT(n_hiddens=0), "got n_hiddens 0"),
    ],
)
def test_what_the_network_cannot_take_is_refused(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


@pytest.mark.parametrize(
    "downsample", [(2, 2, 2), (1, 1, 1), (2, 1, 2), (4, 3, 4), (6, 4, 4), (4, 4, 0), (4, -4, 4), (4, 4), (4, 4, 4, 4)]
)
def test_strides_that_upstream_mishandles_are_refused(downsample):
    with pytest.raises(ValueError, match=r"got downsample .*, expected three powers of 2, the greatest at least 4"):
        vg.VideoGPT(8, 1, 4, 16, downsample)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"downsample": downsample, "resolution": 768}, vg.Architecture)


def test_only_clips_whose_frames_fill_their_tokens_and_squares_that_do_are_taken():
    for frames in (4, 8, 16):
        vg.check_clips(vg.Architecture(), (frames, 100, 100))
    for frames in (1, 5, 17):
        with pytest.raises(ValueError, match=f"got clips of {frames} frames, expected a multiple of 4"):
            vg.check_clips(vg.Architecture(), (frames, 128, 128))
    vg.check_clips(vg.Architecture(downsample=(2, 4, 4)), (2, 128, 128))
    vg.Architecture(downsample=(8, 2, 4), resolution=4)
    with pytest.raises(ValueError, match="got resolution 6, expected a multiple of 4"):
        vg.Architecture(downsample=(8, 2, 4), resolution=6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_type_takes_and_gives_that_type(dtype):
    network = vg.VideoGPT(8, 1, 4, 16).to(dtype).requires_grad_(False)
    latents = network.encode(clips(4, 8, 8).to(dtype))
    assert latents.dtype == dtype
    codes = network.codes(latents.double())
    assert network.decode(codes).dtype == dtype


def test_layers_are_what_their_names_say(tiny):
    x = clips(8, 16, 16, batch=2)
    hidden, latents, rows, histogram = (vg.layer(tiny, x, name) for name in vg.LAYERS)
    assert vg.LAYERS == ("hidden", "latents", "codes", "histogram")
    assert vg.DISCRETE == ("codes", "histogram")
    assert hidden.shape == (2, 16, 2, 4, 4)
    assert hidden.min() >= 0
    torch.testing.assert_close(latents, tiny.encode(x))
    weight, bias = tiny.pre_vq_conv.conv.weight[..., 0, 0, 0], tiny.pre_vq_conv.conv.bias
    projected = torch.einsum("dc,bcthw->bdthw", weight, hidden) + bias[:, None, None, None]
    torch.testing.assert_close(latents, projected, atol=1e-5, rtol=0)
    codes = tiny.codes(latents)
    assert torch.equal(rows, tiny.codebook.embeddings[codes].permute(0, 4, 1, 2, 3))
    counted = torch.stack([torch.stack([step.flatten().bincount(minlength=32) for step in clip]) for clip in codes])
    torch.testing.assert_close(histogram[..., 0, 0], counted.transpose(1, 2) / 16)


def test_random_weights_have_upstreams_deviation_in_attention_and_depend_on_the_seed_alone():
    torch.manual_seed(0)
    first = vg.VideoGPT(64, 1, 4, 16)
    torch.manual_seed(0)
    again = vg.VideoGPT(64, 1, 4, 16)
    assert all(torch.equal(first.state_dict()[key], tensor) for key, tensor in again.state_dict().items())
    attention = first.encoder.res_stack[0].block[8]
    for axis in (attention.attn_w, attention.attn_h, attention.attn_t):
        for linear in (axis.w_qs, axis.w_ks, axis.w_vs, axis.fc):
            assert abs(float(linear.weight.detach().std()) * 8 - 1) < 0.1


def test_a_random_networks_codes_tell_clips_apart_once_its_codebook_is_filled():
    torch.manual_seed(0)
    network = vg.VideoGPT(16, 1, 8, 64).requires_grad_(False)
    x = as_input(video(3, (4, 8, 16, 16)))
    assert len(network.codes(network.encode(x)).unique()) <= 3  # rows drawn at random are all far away
    weights = {key: tensor.clone() for key, tensor in network.named_parameters()}
    torch.manual_seed(1)
    vg.fill_codebook(network, x)
    codes = network.codes(network.encode(x))
    assert len(codes.unique()) > 40
    assert len({tuple(clip.flatten().tolist()) for clip in codes}) == 4
    assert all(torch.equal(weights[key], tensor) for key, tensor in network.named_parameters())


def shapes(network):
    return {key: tensor.shape for key, tensor in network.state_dict().items()}, network.downsample


def test_a_network_is_built_as_its_architecture_says():
    changed = TINY | {"n_res_layers": 2, "downsample": (4, 2, 2)}
    with torch.device("meta"):
        assert shapes(vg.build(vg.Architecture(**changed))) == shapes(vg.VideoGPT(**changed))
        assert shapes(vg.build(vg.Architecture())) == shapes(vg.VideoGPT()) == shapes(vg.VideoGPT(240, 4, 256, 2048))
    assert vg.Architecture().downsample == (4, 4, 4)
    assert vg.Architecture().resolution == 128


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_hiddens": 15}, "multiple of 2"),
        ({"n_hiddens": 0}, ">= 2"),
        ({"n_res_layers": -1}, ">= 0"),
        ({"embedding_dim": 0}, ">= 1"),
        ({"n_codes": 0}, ">= 1"),
    ],
)
def test_an_architecture_that_makes_no_network_is_refused(changed, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(changed, vg.Architecture)
    assert msgspec.convert({"n_res_layers": 0}, vg.Architecture).n_res_layers == 0


def test_the_resolution_is_held_to_the_greater_stride_of_rows_and_columns():
    for downsample in ((1, 8, 4), (1, 4, 8)):
        vg.Architecture(downsample=downsample, resolution=16)
        with pytest.raises(ValueError, match="got resolution 12, expected a multiple of 8"):
            vg.Architecture(downsample=downsample, resolution=12)


def test_the_clips_own_size_does_not_matter():
    vg.check_clips(vg.Architecture(), (4, 50, 50))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n.encode(torch.zeros(1, 3, 8, 16, 16, dtype=torch.float64)), "float64, expected torch.float32"),
        (lambda n: n.codes(torch.zeros(1, 8, 1, 1, 1, dtype=torch.float16)), "float16, expected float32"),
        (lambda n: n.codes(torch.zeros(1, 8, 1, 1, 1, dtype=torch.int64)), "int64, expected float32"),
        (lambda n: n.decode(torch.zeros(1, 1, 2, 2, dtype=torch.int32)), "int32, expected int64"),
    ],
)
def test_a_type_that_torch_itself_would_take_or_tell_otherwise_is_refused(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


def test_a_codebook_is_filled_from_every_clip_and_keeps_no_gradient():
    torch.manual_seed(0)
    network = vg.VideoGPT(16, 1, 8, 64)  # its weights want gradients
    x = clips(8, 16, 16, batch=4)
    vg.fill_codebook(network, x)
    rows = network.codebook.embeddings
    assert not rows.requires_grad
    assert not network.codebook.z_avg.requires_grad
    with torch.no_grad():
        tokens = network.encode(x).permute(0, 2, 3, 4, 1).reshape(4, -1, 8)
    own = (tokens[:, :, None] - rows).abs().amax(-1).amin(1) < 1e-6  # (clip, row)
    assert own.any(0).all()
    assert own.any(1).all()
