"""The released layout of Open-MAGVIT2: which tensors are selected, and which files are refused."""

import pytest
import shrunk
import torch
from safetensors.torch import load_file

from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.published import source_open_magvit2

WEIGHT, BIAS = "encoder.down.1.block.2.conv1.conv_1.weight", "decoder.conv_out.conv_1.bias"
AVERAGED = "model_ema.encoderdown1block2conv1conv_1weight"


def test_the_architecture_has_the_published_names_shapes_and_types():
    expected = source_open_magvit2.expected_tensors()
    ours = {name: (list(tensor.shape), str(tensor.dtype)) for name, tensor in expected.items()}
    published = {name: (shape, kind) for name, shape, kind in shrunk.LAYOUT}
    assert ours == {name: published[name] for name in published if name.startswith(("encoder.", "decoder."))}
    averages = {source_open_magvit2.ema_name(name): described for name, described in ours.items()}
    assert averages == {
        name: published[name] for name in published if name.startswith(("model_ema.encoder", "model_ema.decoder"))
    }
    assert len(averages) == 133 + 150
    assert all(tensor.is_meta for tensor in expected.values())


@pytest.mark.parametrize(("losses", "entries"), [(False, "568 entries"), (True, "636 entries")])
@pytest.mark.parametrize("raw", [False, True])
def test_the_moving_average_is_selected_unless_the_raw_weights_are(small, tmp_path, losses, entries, raw):
    state = shrunk.state(losses)
    tensors = source_open_magvit2.network_tensors(state, tmp_path, raw=raw)
    assert tensors.keys() == shrunk.expected().keys()
    names = {name: name if raw else "model_ema." + name.replace(".", "") for name in tensors}
    assert all(torch.equal(tensors[name], state[key]) for name, key in names.items())
    assert not torch.equal(state[WEIGHT], state[AVERAGED])
    others = 2 + 68 * losses
    assert source_open_magvit2.entry_counts(state) == (
        f"{entries}: 133 encoder + 150 decoder, twice (raw and moving average), and {others} others"
    )


def test_raw_weights_need_no_moving_average(small, tmp_path):
    state = {name: tensor for name, tensor in shrunk.state().items() if not name.startswith("model_ema.")}
    tensors = source_open_magvit2.network_tensors(state, tmp_path, raw=True)
    assert all(tensors[name] is state[name] for name in state)
    assert source_open_magvit2.entry_counts(state) == (
        "283 entries: 133 encoder + 150 decoder (raw, no moving average), and 0 others"
    )


def test_a_narrow_network_loads_what_its_checkpoint_becomes(repository, save, add, monkeypatch):
    narrow = {"ch": 32, "ch_mult": (1, 2, 2, 4), "num_res_blocks": 4, "z_channels": 18}
    with torch.device("meta"):
        expected = OpenMagvit2(**narrow).state_dict()
    monkeypatch.setattr(source_open_magvit2, "expected_tensors", lambda: expected)
    raw = {name: torch.full(tensor.shape, 1.0) for name, tensor in expected.items()}
    averages = {
        "model_ema." + name.replace(".", ""): torch.full(raw[name].shape, 1 + i / 7) for i, name in enumerate(raw)
    }
    file = save(raw | averages | {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(3)})
    assert add("--from", file)[0] == 0
    with torch.device("meta"):
        network = OpenMagvit2(**narrow)
    network.load_state_dict(load_file("data/weights/open-magvit2/model.safetensors"), strict=True, assign=True)
    for i, (name, tensor) in enumerate(network.state_dict().items()):
        assert torch.equal(tensor, torch.full(expected[name].shape, 1 + i / 7)), name


def without(*names):
    return lambda state: {name: tensor for name, tensor in state.items() if name not in names}


def with_value(value, at, place=0):
    def change(state):
        state[at].view(-1)[place] = value
        return state

    return change


def without_prefix(prefix):
    return lambda state: {name: tensor for name, tensor in state.items() if not name.startswith(prefix)}


def image_tokenizer(state):
    return {name: tensor[..., 0] if tensor.ndim == 5 else tensor for name, tensor in state.items()}


DOUBLE = "of torch.float64, expected torch.float32"
BROKEN = {
    "encoder key": (without(WEIGHT), [f"1 of 133 encoder tensors missing ({WEIGHT})"]),
    "decoder key": (without(BIAS), [f"1 of 150 decoder tensors missing ({BIAS})"]),
    "encoder": (without_prefix("encoder."), ["133 of 133 encoder tensors missing", " and 130 more)"]),
    "averaged key": (without(AVERAGED), [f"1 of 133 encoder tensors of the moving average missing ({AVERAGED})"]),
    "averaged decoder": (without_prefix("model_ema.decoder"), ["150 of 150 decoder tensors of the moving average"]),
    "extra": (lambda s: s | {"encoder.more": torch.zeros(1)}, ["1 encoder tensors that the", "(encoder.more)"]),
    "extra average": (
        lambda s: s | {"model_ema.decodermore": torch.zeros(1)},
        ["1 decoder tensors of the moving average that the architecture does not have (model_ema.decodermore)"],
    ),
    "shape": (lambda s: s | {BIAS: torch.zeros(3)}, [f"got {BIAS} of shape (3,), expected (2,)"]),
    "axis": (
        lambda s: s | {WEIGHT: s[WEIGHT][..., 0]},
        [f"got {WEIGHT} of shape (2, 2, 2, 2), expected (2, 2, 2, 2, 2)"],
    ),
    "averaged shape": (
        lambda s: s | {AVERAGED: s[AVERAGED][..., 0]},
        [f"got {AVERAGED} of shape (2, 2, 2, 2), expected (2, 2, 2, 2, 2)"],
    ),
    "type": (lambda s: s | {BIAS: s[BIAS].double()}, [f"got {BIAS} {DOUBLE}"]),
    "averaged type": (lambda s: s | {AVERAGED: s[AVERAGED].double()}, [f"got {AVERAGED} {DOUBLE}"]),
    "no tensor": (lambda s: s | {BIAS: [0.0, 0.0]}, [f"got {BIAS} that is no dense tensor, expected (2,)"]),
    "sparse": (lambda s: s | {BIAS: s[BIAS].to_sparse()}, [f"got {BIAS} that is no dense tensor"]),
    "NaN": (with_value(float("nan"), AVERAGED, 5), [f"got {AVERAGED} with a NaN or infinite value"]),
    "infinity": (with_value(-float("inf"), "model_ema.decoderconv_outconv_1bias"), ["conv_1bias with a NaN or"]),
    "no average": (without_prefix("model_ema."), ["has no moving average of the weights", "--raw"]),
    "image": (image_tokenizer, ["an image tokenizer's checkpoint", "expected the video tokenizer's"]),
    "transformer": (lambda s: {"transformer.h.0.attn.weight": torch.zeros(2, 2)}, ["a transformer that generates"]),
    "videogpt": (
        lambda s: {"encoder.convs.0.conv.weight": torch.zeros(1, 1, 1, 1, 1), "codebook.N": torch.zeros(2)},
        ["a VideoGPT tokenizer's"],
    ),
    "other": (lambda s: {"fc.weight": torch.zeros(2), "fc.bias": torch.zeros(2)}, ["(2 entries: fc.weight, fc.bias)"]),
    "nothing": (lambda s: {}, ["another model's checkpoint (0 entries"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_checkpoint_that_is_not_the_released_one_is_refused(small, save, refused, case):
    change, words = BROKEN[case]
    file = save(change(shrunk.state()))
    refused("--from", file, words=[f"{file}: ", "video_128_262144.ckpt", *words])


@pytest.mark.parametrize(("raw", "spoilt"), [(True, AVERAGED), (False, WEIGHT)])
def test_values_that_are_not_selected_are_not_checked(small, tmp_path, raw, spoilt):
    state = with_value(float("nan"), spoilt)(shrunk.state())
    assert source_open_magvit2.network_tensors(state, tmp_path, raw=raw)[WEIGHT] is state[WEIGHT if raw else AVERAGED]
