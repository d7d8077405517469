"""Each perturbation removes what it says, and leaves the rest to the bit; against numpy."""

import msgspec
import numpy as np
import pytest
import torch
from small import VIDEO, built
from torch import nn

from trajprobe.backbones import huggingface, videogpt
from trajprobe.features.perturbations import INPUTS, middle_frame, permute_weights, shuffled_frames

CLIPS = np.random.default_rng(5).integers(0, 256, (600, 4, 2, 3, 3), dtype=np.uint8)


def sort(clip):
    return sorted(frame.tobytes() for frame in clip)


def orders(video, shuffled):
    """Which frame of each clip stands where; its frames differ from one another."""
    return [
        [next(i for i, frame in enumerate(clip) if np.array_equal(frame, seen)) for seen in new]
        for clip, new in zip(video, shuffled, strict=True)
    ]


def test_a_shuffled_clip_has_the_same_frames_in_another_order():
    shuffled = shuffled_frames(VIDEO)
    assert (shuffled.shape, shuffled.dtype) == (VIDEO.shape, np.uint8)
    assert [sort(clip) for clip in shuffled] == [sort(clip) for clip in VIDEO]
    changed = [not np.array_equal(clip, new) for clip, new in zip(VIDEO, shuffled, strict=True)]
    assert sum(changed) >= 9  # each of the 120 orders of 5 frames is as likely, and one is the clip's own


def test_every_clip_has_an_order_of_its_own_and_all_orders_are_as_likely():
    counts = np.zeros((4, 4))
    drawn = orders(CLIPS, shuffled_frames(CLIPS))
    for order in drawn:
        counts[np.arange(4), order] += 1
    assert len(set(map(tuple, drawn))) == 24
    deviation = np.sqrt(600 * 0.25 * 0.75)
    assert np.abs(counts - 150).max() < 4.5 * deviation
    same = sum(order == [0, 1, 2, 3] for order in drawn)
    assert 8 <= same <= 45  # 25 of 600: the true order is not left out


def test_the_order_is_the_clips_own_whatever_stands_beside_it():
    shuffled = shuffled_frames(VIDEO)
    np.testing.assert_array_equal(shuffled_frames(VIDEO[::-1])[::-1], shuffled)
    for part in np.array_split(np.arange(10), 3):
        np.testing.assert_array_equal(shuffled_frames(VIDEO[part]), shuffled[part])
    changed = VIDEO.copy()
    changed[:, 4, 15, 15, 2] ^= 1
    assert orders(changed, shuffled_frames(changed)) != orders(VIDEO, shuffled)


@pytest.mark.parametrize(("frames", "middle"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_every_frame_is_the_middle_one(frames, middle):
    clips = VIDEO[:, :frames]
    repeated = middle_frame(clips)
    assert (repeated.shape, repeated.dtype) == (clips.shape, np.uint8)
    for frame in range(frames):
        np.testing.assert_array_equal(repeated[:, frame], VIDEO[:, middle])


def clip_model():
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model = {"model": "CLIPVisionModel", "config": vision | {"image_size": 32, "patch_size": 16}}
    pixels = {"resize": 32, "resample": "bilinear", "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    torch.manual_seed(3)
    return huggingface.build(msgspec.convert(model | pixels, huggingface.Architecture))


def codebook_model():
    shape = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
    torch.manual_seed(3)
    network = videogpt.build(msgspec.convert(shape, videogpt.Architecture))
    for number, module in enumerate(each for each in network.modules() if isinstance(each, nn.BatchNorm3d)):
        module.running_mean.copy_(torch.randn(len(module.running_mean)))
        module.running_var.uniform_(0.5, 2)
        module.num_batches_tracked.fill_(100 + number)
    return network


@pytest.mark.parametrize("make", [built, clip_model, codebook_model])
def test_permuted_tensors_have_the_same_values_in_other_places(make):
    before = {name: tensor.clone() for name, tensor in make().state_dict().items()}
    network = make()
    permute_weights(network)
    after = network.state_dict()
    assert list(after) == list(before)
    moved = 0
    for name, tensor in before.items():
        new = after[name]
        assert (new.shape, new.dtype) == (tensor.shape, tensor.dtype), name
        np.testing.assert_array_equal(np.sort(new.numpy(), axis=None), np.sort(tensor.numpy(), axis=None), name)
        if not tensor.is_floating_point():
            assert torch.equal(new, tensor), name
        elif len(tensor.unique()) > 20:
            assert not torch.equal(new, tensor), name
            moved += 1
    assert moved >= 4
    assert not any(parameter.is_meta for parameter in network.parameters())


def test_running_statistics_are_permuted_and_counts_are_not():
    network = codebook_model()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    permute_weights(network)
    after = network.state_dict()
    for part in ("running_mean", "running_var"):
        names = [name for name in before if name.endswith(part)]
        assert names
        assert sum(not torch.equal(before[name], after[name]) for name in names) > len(names) / 2
    counts = [name for name in before if name.endswith("num_batches_tracked")]
    assert counts
    assert all(torch.equal(before[name], after[name]) for name in counts)


def test_whole_numbers_stay_where_they_are():
    network = nn.Linear(30, 10)
    network.register_buffer("places", torch.arange(100))
    permute_weights(network)
    assert torch.equal(network.places, torch.arange(100))


def test_tensors_of_one_shape_are_permuted_each_in_its_own_way():
    network = nn.ModuleList([nn.Linear(30, 10, bias=False) for _ in range(2)])
    for layer in network:
        layer.weight.data = torch.arange(300.0).reshape(10, 30)
    permute_weights(network)
    first, second = (layer.weight.detach().numpy() for layer in network)
    assert not np.array_equal(first, second)
    rows = first // 30
    assert len(np.unique(rows[0])) > 5  # over the whole tensor, not within a row or whole rows
    again = nn.ModuleList([nn.Linear(30, 10, bias=False) for _ in range(2)])
    for layer in again:
        layer.weight.data = torch.arange(300.0).reshape(10, 30)
    permute_weights(again)
    np.testing.assert_array_equal(again[1].weight.detach().numpy(), second)


def test_each_input_does_to_clips_what_its_name_says():
    perturbed = {name: function(VIDEO) for name, function in INPUTS.items()}
    assert list(perturbed) == ["plain", "reversed", "shuffled-frames", "middle-frame"]
    np.testing.assert_array_equal(perturbed["reversed"], VIDEO[:, ::-1])
    assert perturbed["reversed"].flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(perturbed["plain"], VIDEO)
    np.testing.assert_array_equal(perturbed["shuffled-frames"], shuffled_frames(VIDEO))
    np.testing.assert_array_equal(perturbed["middle-frame"], middle_frame(VIDEO))


def test_clips_themselves_are_left_as_they_were():
    before = VIDEO.copy()
    for function in INPUTS.values():
        function(VIDEO)
    np.testing.assert_array_equal(VIDEO, before)
