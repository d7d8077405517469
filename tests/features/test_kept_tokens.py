"""With TRAJPROBE_KEEP_TOKENS=1 tokens stay in the store, and another pooling of them needs no network."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import ARCHITECTURE, VIDEO, built, files, maker, values

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.errors import UserError
from trajprobe.features.extract import extract
from trajprobe.features.tokens import unpack
from trajprobe.files.feature_shards import FEATURES
from trajprobe.files.store import Store

pytestmark = pytest.mark.usefixtures("project")
VARIABLE = "TRAJPROBE_KEEP_TOKENS"


def run(**changes):
    extract(values(**changes), "trained")
    return files(FEATURES)


def kept(store, name):
    """Arrays of that name in the store, each with its shard's recipe."""
    arrays = []
    for path in store:
        with safe_open(path, "numpy") as file:
            if name in file.keys():  # noqa: SIM118 (no mapping)
                arrays.append((file.get_tensor(name), json.loads(file.metadata()["meta"])))
    return arrays


@pytest.mark.parametrize(
    ("layer", "others"),
    [
        ("hidden", [("hidden", "mean"), ("hidden", "tdiff"), ("hidden", "flatten")]),
        ("codes", [("codes", "mean"), ("histogram", "tmean"), ("histogram", "flatten")]),
    ],
)
def test_another_pooling_is_free_and_the_same(encoded, monkeypatch, tmp_path, layer, others):
    without = {other: run(layer=other[0], pooling=other[1]) for other in [(layer, "tmean"), *others]}
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "keeping"))
    monkeypatch.setenv(VARIABLE, "1")
    encoded()
    assert run(layer=layer) == without[layer, "tmean"]
    assert encoded() == 12
    monkeypatch.delenv(VARIABLE)
    for other in others:
        assert run(layer=other[0], pooling=other[1]) == without[other]
    assert encoded() == 0


def test_nothing_is_kept_without_the_variable(store_folder):
    run()
    assert len(list(Store(store_folder))) == 2
    assert kept(Store(store_folder), "tokens") == []


def test_tokens_are_kept_as_the_network_gives_them(monkeypatch, store_folder):
    monkeypatch.setenv(VARIABLE, "1")
    run()
    tokens = kept(Store(store_folder), "tokens")
    assert sorted(len(array) for array, _ in tokens) == [4, 6]
    for array, recipe in tokens:
        clips = VIDEO[:6] if len(array) == 6 else VIDEO[6:]
        with torch.no_grad():
            expected = built(7).eval().hidden(magvit2_tiny.preprocess(torch.from_numpy(clips))).numpy()
        np.testing.assert_allclose(array, expected, atol=1e-5)
        assert (recipe["layer"], recipe["pooling"]) == ("hidden", None)


def test_codes_are_kept_in_their_bits_whichever_layer_is_made_of_them(monkeypatch, store_folder):
    monkeypatch.setenv(VARIABLE, "1")
    run(layer="codes")
    run(layer="histogram")
    codes = kept(Store(store_folder), "codes")
    assert sorted(len(packed) for packed, _ in codes) == [4, 6]
    network = built(7).eval()
    for packed, recipe in codes:
        assert packed.shape[1] == 2 * 2 * 2 * 4 // 8  # 2 x 2 x 2 tokens of 4 bits
        clips = VIDEO[:6] if len(packed) == 6 else VIDEO[6:]
        with torch.no_grad():
            expected = network.codes(network.encode(magvit2_tiny.preprocess(torch.from_numpy(clips)))).numpy()
        np.testing.assert_array_equal(unpack(packed, 4, (2, 2, 2)), expected)
        assert {key: recipe[key] for key in ("layer", "pooling", "bits")} == {
            "layer": "codes",
            "pooling": None,
            "bits": 4,
        }
        assert recipe["architecture"] == ARCHITECTURE


@pytest.mark.parametrize(("layer", "size"), [("hidden", 8 * 2 * 2 * 2 * 4), ("codes", 2 * 2 * 2 * 4 / 8)])
def test_the_forecast_says_how_much_is_kept(monkeypatch, layer, size):
    assert "tokens" not in maker(layer=layer).forecast(10**6, 2)
    monkeypatch.setenv(VARIABLE, "1")
    assert maker(layer=layer).forecast(10**6, 2).endswith(f"; {2 * size:,.1f} MB of tokens in the store")


@pytest.mark.parametrize("layer", ["hidden", "codes"])
def test_damaged_tokens_are_refused_and_not_kept(monkeypatch, store_folder, layer):
    monkeypatch.setenv(VARIABLE, "1")
    network = built(7)
    network.norm_out.weight.data[0] = 3e38  # finite: the file is loaded, and the network overflows
    weights.save(weights.WEIGHTS / "w", network, {"trained_frames": 17})
    worker = maker(layer=layer)
    task = worker.tasks()[0]
    with pytest.raises(UserError, match="trained: the network gave values that are not finite"):
        worker.make(task, worker.read(task), Store.here(), lambda _: None)
    assert list(Store(store_folder)) == []


def test_a_pooling_of_the_family_keeps_none(monkeypatch, store_folder):
    monkeypatch.setenv(VARIABLE, "1")
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    node = {"model": "CLIPVisionModel", "config": vision | {"image_size": 32, "patch_size": 16}}
    node |= {"resize": 32, "resample": "bilinear", "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    changes = {"family": "huggingface", "architecture": node, "layer": "last", "weights": "random"}
    extract(values(pooling="cls", **changes), "net")
    assert len(list(Store(store_folder))) == 4  # of two networks, two shards of features each
    assert kept(Store(store_folder), "tokens") == []
