"""magvit2_tiny: shapes, causality, and the parts of which it is made against numpy."""

import numpy as np
import pytest
import torch

from trajprobe.backbones import magvit2_tiny as tiny

SHAPE = tiny.Architecture(channels=4, multipliers=(1, 2, 3), residual_blocks=1, bits=6)


def built(seed=0):
    torch.manual_seed(seed)
    return tiny.build(SHAPE).eval().requires_grad_(False)


def video(frames, height=16, width=16, batch=1, seed=0):
    return torch.rand(batch, 3, frames, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("frames", "height", "width", "tokens"),
    [
        (1, 32, 32, (1, 4, 4)),
        (5, 32, 32, (2, 4, 4)),
        (9, 32, 32, (3, 4, 4)),
        (17, 32, 32, (5, 4, 4)),
        (9, 16, 24, (3, 2, 3)),
        (6, 9, 20, (2, 2, 3)),
    ],
)
def test_a_token_stands_for_4_frames_of_8_by_8_pixels(frames, height, width, tokens):
    network, x = built(), video(frames, height, width, batch=2)
    assert network.hidden(x).shape == (2, 12, *tokens)
    latents = network.encode(x)
    assert latents.shape == (2, 6, *tokens)
    assert network.codes(latents).shape == (2, *tokens)


@pytest.mark.parametrize("frames", [1, 5, 9, 17])
def test_decoding_restores_the_shape(frames):
    network, x = built(), video(frames, 16, 24, batch=2)
    assert network.decode(network.codes(network.encode(x))).shape == x.shape


@pytest.mark.parametrize("frame", [0, 1, 4, 5, 8])
def test_no_latent_sees_a_later_frame(frame):
    network, x = built().double(), video(9).double()
    changed = x.clone()
    changed[:, :, frame] = -changed[:, :, frame]
    moved = (network.encode(changed) - network.encode(x)).abs().amax(dim=(0, 1, 3, 4))
    first = -(-frame // 4)  # token k sees frames 0 .. 4k
    assert (moved[:first] == 0).all()
    assert moved[first] > 1e-6


def test_a_token_is_decoded_to_its_own_frames_and_pixels():
    network, codes = built(), torch.zeros(1, 3, 2, 3, dtype=torch.int64)
    changed = codes.clone()
    changed[0, 2, 1, 2] = 63
    moved = (network.decode(changed) != network.decode(codes))[0].any(dim=0).nonzero()
    assert [(int(axis.min()), int(axis.max())) for axis in moved.T] == [(5, 8), (8, 15), (16, 23)]
    first = (network.decode(codes + torch.tensor([1, 0, 0])[:, None, None]) != network.decode(codes))[0].any(dim=0)
    assert first.any(dim=(1, 2)).nonzero().flatten().tolist() == [0]


def test_the_decoder_puts_time_before_rows_before_columns_before_colours():
    decoder = tiny.DepthToSpace(1)
    torch.nn.init.zeros_(decoder.conv.weight)
    decoder.conv.bias.data = torch.arange(4 * 8 * 8 * 3).float()
    expected = np.arange(4 * 8 * 8 * 3).reshape(4, 8, 8, 3).transpose(3, 0, 1, 2)
    whole = decoder(torch.zeros(1, 1, 2, 1, 1)).detach().numpy()[0]
    np.testing.assert_array_equal(whole, np.concatenate([expected[:, 3:], expected], axis=1))


def test_encoding_does_not_depend_on_the_batch():
    network, x = built(), video(5, batch=3)
    alone = torch.cat([network.encode(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(network.encode(x), alone, rtol=0, atol=1e-5)


def test_identical_clips_get_identical_bits():
    network, x = built(), video(9).repeat(4, 1, 1, 1, 1)
    codes = network.codes(network.encode(x))
    assert (codes == codes[:1]).all()
    assert len(codes.unique()) > 1


def test_preprocess_maps_every_byte_to_its_place_in_minus_one_to_one():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 4, 8, 8, 1)
    clip = np.concatenate([grey, 255 - grey, grey], axis=-1)
    x = tiny.preprocess(torch.from_numpy(clip))
    assert x.shape == (1, 3, 4, 8, 8)
    assert x.dtype == torch.float32
    expected = clip.transpose(0, 4, 1, 2, 3).astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-7)
    assert (x.min(), x.max()) == (-1, 1)


def test_layers_are_what_their_names_say():
    network, x = built(), video(5)
    hidden, latents, codes, histogram = (tiny.layer(network, x, name) for name in tiny.LAYERS)
    assert tiny.LAYERS == ("hidden", "latents", "codes", "histogram")
    assert histogram.shape == (1, 2**6, 2, 1, 1)
    torch.testing.assert_close(hidden, network.hidden(x), rtol=0, atol=0)
    torch.testing.assert_close(latents, network.encode(x), rtol=0, atol=0)
    np.testing.assert_array_equal(codes.numpy(), np.where(latents.numpy() > 0, 1, -1))
    weight, bias = network.conv_out.weight.numpy()[..., 0, 0, 0], network.conv_out.bias.numpy()
    expected = np.einsum("dc,bcthw->bdthw", weight, hidden.numpy()) + bias[:, None, None, None]
    np.testing.assert_allclose(latents.numpy(), expected, atol=1e-5)
    assert hidden.min() > -0.2785  # the least value of silu


@pytest.mark.parametrize("shape", [(1, 1, 5, 16, 16), (1, 4, 5, 16, 16), (3, 5, 16, 16)])
def test_another_number_of_channels_is_refused(shape):
    with pytest.raises(ValueError, match=r"got an input of shape .*expected \[b c t h w\] with c = 3"):
        built().encode(torch.zeros(shape))


def test_the_seed_makes_the_network():
    one, same, other = (built(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if key.startswith("trunk.0"))


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_the_convolution_is_padded_in_front_only(stride):
    torch.manual_seed(0)
    conv = tiny.CausalConv(2, 3, stride).double().requires_grad_(False)
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 6, 7))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, ((0, 0), (0, 0), (2, 0), (1, 1), (1, 1))), (3, 3, 3), axis=(2, 3, 4)
    )[:, :, :: stride[0], :: stride[1], :: stride[2]]
    expected = np.einsum("bcthwijk,dcijk->bdthw", windows, conv.weight.numpy())
    expected += conv.bias.numpy()[:, None, None, None]
    np.testing.assert_allclose(conv(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


def test_the_norm_spans_one_frame_and_two_of_eight_channels():
    x = np.random.default_rng(0).normal(3, 2, size=(2, 8, 3, 4, 4))
    groups = x.reshape(2, 4, 2, 3, 4, 4)
    mean, variance = groups.mean((2, 4, 5), keepdims=True), groups.var((2, 4, 5), keepdims=True)
    expected = ((groups - mean) / np.sqrt(variance + 1e-6)).reshape(x.shape)
    norm = tiny.FrameNorm(8).double().requires_grad_(False)
    np.testing.assert_allclose(norm(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


def test_a_residual_block_adds_to_its_input():
    block, x = tiny.ResidualBlock(4).requires_grad_(False), torch.randn(1, 4, 3, 4, 4)
    block.conv2.weight.zero_()
    block.conv2.bias.fill_(0.5)
    torch.testing.assert_close(block(x), x + 0.5)
