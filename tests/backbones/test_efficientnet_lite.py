"""efficientnet_lite: equal to the package that the weights are published for, layer by layer, frame by frame."""

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from trajprobe.backbones import efficientnet_lite as lite
from trajprobe.backbones.family import family
from trajprobe.backbones.parts.idle_parameters import idle_parameters


@pytest.fixture(scope="module")
def theirs():
    """The package's network, with weights and norms that all matter."""
    torch.manual_seed(0)
    network = EfficientNet.from_name("efficientnet-lite0").eval().requires_grad_(False)
    for key, value in network.state_dict().items():
        if key.endswith(("_bn0.weight", "_bn1.weight", "_bn2.weight", "running_var")):
            value.copy_(torch.rand(value.shape) + 0.5)
        elif key.endswith(("bias", "running_mean")):
            value.copy_(torch.randn(value.shape) / 2)
        elif value.ndim == 4:
            value.mul_(2)
    return network


@pytest.fixture(scope="module")
def ours(theirs):
    network = lite.build(lite.Architecture()).requires_grad_(False)
    network.load_state_dict({key: value for key, value in theirs.state_dict().items() if not key.startswith("_fc.")})
    return network.eval()


def test_the_last_layer_is_what_the_package_s_classifier_sees(theirs, ours):
    x = torch.randn(1, 3, 2, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.extract_features(x[0].transpose(0, 1))
        found = lite.layer(ours, x, "last")
        assert found.shape == (1, 1280, 2, 7, 7)
        assert expected.std() > 0.1
        torch.testing.assert_close(found[0].transpose(0, 1), expected, atol=2e-4, rtol=1e-4)
        classes = found.mean(dim=(3, 4))[0].T @ theirs._fc.weight.T + theirs._fc.bias
        torch.testing.assert_close(classes, theirs(x[0].transpose(0, 1)), atol=1e-3, rtol=1e-4)


def test_each_stage_is_what_the_package_s_blocks_give(theirs, ours):
    x = torch.randn(2, 3, 1, 224, 224, generator=torch.Generator().manual_seed(2))
    given = {}
    for number, block in enumerate(theirs._blocks):
        block.register_forward_hook(lambda _block, _x, out, number=number: given.update({number: out}))
    with torch.no_grad():
        theirs.extract_features(x[:, :, 0])
        for stage, end in enumerate((0, 2, 4, 7, 10, 14, 15), 1):
            found = lite.layer(ours, x, f"stage{stage}")
            assert given[end].std() > 0.1
            torch.testing.assert_close(found[:, :, 0], given[end], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 50), (1, 1)])
def test_frames_of_any_size_have_a_place_for_each_32_pixels_begun(ours, height, width):
    x = torch.randn(1, 3, 3, height, width)
    with torch.no_grad():
        found = lite.layer(ours, x, "last")
    assert found.shape == (1, 1280, 3, -(-height // 32), -(-width // 32))
    assert found.isfinite().all()


def test_padding_is_that_of_the_package_at_other_sizes(theirs, ours):
    from efficientnet_lite_pytorch.utils import Conv2dDynamicSamePadding

    for kernel, stride, side in ((3, 2, 37), (5, 2, 37), (5, 1, 6), (3, 2, 2), (5, 2, 1)):
        conv = lite.SameConv(4, 4, kernel, stride, groups=4)
        same = Conv2dDynamicSamePadding(4, 4, kernel, stride, groups=4, bias=False)
        same.load_state_dict(conv.state_dict())
        x = torch.randn(1, 4, side, side + 1)
        with torch.no_grad():
            torch.testing.assert_close(conv(x), same(x))


def test_a_frame_is_seen_by_itself(ours):
    x = torch.randn(2, 3, 4, 40, 40)
    changed = x.clone()
    changed[0, :, 1] *= -1
    with torch.no_grad():
        before, after = lite.layer(ours, x, "last"), lite.layer(ours, changed, "last")
    differing = ((before - after).abs() > 1e-5).any(dim=1).any(dim=-1).any(dim=-1)
    assert differing.tolist() == [[False, True, False, False], [False] * 4]


def test_random_networks_differ_by_seed_and_tell_frames_apart():
    found = []
    video = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), dtype=np.uint8))
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        network = lite.build(lite.Architecture()).requires_grad_(False)
        found.append(lite.layer(network, lite.preprocess(video), "last").mean(dim=(3, 4)))
    assert torch.equal(found[0], found[1])
    assert (found[0] - found[2]).abs().max() > 1e-2
    assert found[0].isfinite().all()
    frames = found[0].transpose(1, 2).flatten(0, 1)
    assert torch.pdist(frames).min() > 1e-2 * frames.norm(dim=1).mean()


def test_every_parameter_takes_part():
    network = lite.build(lite.Architecture())
    assert idle_parameters(network, [lite.layer(network, torch.randn(1, 3, 1, 32, 32), "last")]) == []
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008 - 1_281_000  # less the classifier


def test_grey_levels_are_scaled_as_tensorflow_s_lite_models_have_it():
    x = lite.preprocess(torch.tensor([0, 127, 255], dtype=torch.uint8).expand(1, 2, 4, 5, 3))
    assert x.shape == (1, 3, 2, 4, 5)
    assert x[0, :, 0, 0, 0].tolist() == [-127 / 128, 0, 1]


def test_what_can_not_be_taken_is_refused(ours):
    with pytest.raises(ValueError, match="got layer 'stage8', expected one of stage1, "):
        lite.layer(ours, torch.zeros(1, 3, 1, 32, 32), "stage8")
    with pytest.raises(ValueError, match=r"got an input of shape \(1, 4, 1, 32, 32\)"):
        lite.layer(ours, torch.zeros(1, 4, 1, 32, 32), "last")
    assert family("efficientnet_lite").architecture({}, "rows.x") == lite.Architecture()


def test_training_mode_changes_nothing(ours):
    x = torch.randn(1, 3, 1, 32, 32)
    with torch.no_grad():
        expected = lite.layer(ours, x, "stage3")
        assert torch.equal(lite.layer(ours.train(), x, "stage3"), expected)
