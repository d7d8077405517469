"""transformers_network: frames that come again are found, and a layer is a grid or is refused."""

import msgspec
import numpy as np
import pytest
import torch
from small_transformers import OTHERS, randomise

from trajprobe.backbones import huggingface as hf
from trajprobe.backbones.parts.transformers_network import distinct


def test_frames_that_differ_in_one_bit_are_told_apart():
    frames = torch.zeros(4, 3, 8, 8)
    frames[1, 2, 7, 7] = 1e-38
    frames[3, 0, 0, 0] = -1.0
    different, place = distinct(frames)
    assert len(different) == 3
    assert place[0] == place[2]
    assert torch.equal(different[place], frames)


def test_frames_of_one_sum_are_not_taken_for_the_same(monkeypatch):
    monkeypatch.setattr(torch, "randint", lambda high, shape, generator: torch.zeros(shape, dtype=torch.int64))
    frames = torch.rand(5, 3, 8, 8)
    different, place = distinct(frames)
    assert torch.equal(different[place], frames)


def test_a_shuffled_frame_has_another_sum():
    frame = torch.rand(1, 3, 8, 8)
    different, _ = distinct(torch.cat([frame, frame.flip(3), frame.flip(1)]))
    assert len(different) == 3


def made(name):
    """A small model with values of its own in each tensor, its input, and how many frames it has."""
    shape = msgspec.convert(OTHERS[name][0], hf.Architecture)
    torch.manual_seed(0)
    network = randomise(hf.build(shape).eval())
    clips = np.random.default_rng(1).integers(0, 256, (2, 4, 32, 32, 3), dtype=np.uint8)
    return network, shape, hf.preprocess(torch.from_numpy(clips), shape)


#: Of each pyramid: the side of its map at each hidden layer, and of the last one.
MAPS = {"hiera": ([8, 8, 4, 2, 1], 1), "convnext": ([8, 8, 4, 2], 2), "resnet": ([8, 8, 4], 4), "swin": ([8, 4, 4], 4)}


@pytest.mark.parametrize("name", MAPS)
def test_a_pyramid_has_a_grid_at_each_layer(name):
    network, shape, x = made(name)
    sides, last = MAPS[name]
    assert hf.depth(shape) == len(sides) - 1
    with torch.no_grad():
        out = network.model(x.transpose(1, 2).flatten(0, 1), output_hidden_states=True)
        for number, side in enumerate(sides):
            found = hf.layer(network, x, number)
            assert found.shape[0] == 2
            assert found.shape[2:] == (4, side, side)
            state = out.hidden_states[number]
            channels = state.shape[1] if state.ndim == 4 else state.shape[2]
            assert found.shape[1] == channels
            # The same numbers, of each frame, though a windowed model lists them in another order.
            ours = found.transpose(1, 2).flatten(0, 1).flatten(1)
            torch.testing.assert_close(ours.sort(1).values, state.flatten(1).sort(1).values, atol=2e-5, rtol=0)
        assert hf.layer(network, x, "last").shape[2:] == (4, last, last)
        with pytest.raises(ValueError, match="has no such token; use tmean"):
            hf.pooled(network, x, "last", "cls")


@pytest.mark.parametrize("name", ["hiera", "swin", "convnext", "resnet"])
def test_a_place_in_the_grid_is_a_place_in_the_frame(name):
    """A corner of the frame that changes, changes that corner of the first maps, and no other."""
    network, _, x = made(name)
    changed = x.clone()
    changed[..., :8, 16:24] += 1  # rows 0 to 7, columns 16 to 23
    with torch.no_grad():
        moved = (hf.layer(network, changed, 0) - hf.layer(network, x, 0)).abs().amax((0, 1, 2))
    assert moved.shape == (8, 8)
    assert moved[:2, 4:6].min() > 1e-3
    far = moved.clone()
    far[:4, 2:] = 0  # as far as convolutions see
    assert far.max() < 1e-6


def test_hiera_s_last_map_is_row_by_row_whatever_its_strides():
    """With fewer strides than stages the tokens are in windows: the grid is what the model makes of them."""
    shape = msgspec.convert(
        OTHERS["hiera"][0] | {"config": OTHERS["hiera"][0]["config"] | {"num_query_pool": 2}}, hf.Architecture
    )
    torch.manual_seed(0)
    network = randomise(hf.build(shape).eval())
    x = torch.rand(1, 3, 1, 32, 32)
    with torch.no_grad():
        found = hf.layer(network, x, "last")
        out = network.model(x[:, :, 0], output_hidden_states=True)
    assert found.shape[2:] == (1, 2, 2)
    torch.testing.assert_close(found[0, :, 0], out.reshaped_hidden_states[-1][0].permute(2, 0, 1))


def test_videoprism_gives_its_last_layer_alone_and_its_tokens_in_order():
    network, shape, x = made("videoprism")
    assert hf.depth(shape) == -1
    with torch.no_grad():
        found = hf.layer(network, x, "last")
        tokens = network.model(x.transpose(1, 2)).last_hidden_state
    assert found.shape == (2, 32, 4, 2, 2)
    assert torch.equal(found, tokens.view(2, 4, 2, 2, 32).permute(0, 4, 1, 2, 3))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 60, 8), "got 60 tokens of a frame, expected those of a square, or a class token more"),
        ((1, 7, 7, 8), r"got a layer of shape \(1, 7, 7, 8\), expected tokens \[n s d\] or a map \[n d h w\]"),
        ((1, 8), "got a layer of shape"),
    ],
)
def test_what_is_no_grid_is_refused(shape, reason):
    network, _, _ = made("swin")
    with pytest.raises(ValueError, match=reason):
        network.split(torch.zeros(shape))


def test_a_class_token_of_a_pyramid_stands_before_its_grid():
    network, _, _ = made("swin")
    tokens = torch.arange(10.0).view(1, 10, 1)
    outside, grid = network.split(tokens)
    assert outside.tolist() == [[[0]]]
    assert grid.flatten().tolist() == list(range(1, 10))
