"""Rows of several layers and poolings: one run of the network, and the same bytes as a row of each alone."""

import json
import re

import numpy as np
import pytest
from small import built, files, maker, place, values

from trajprobe.backbones import magvit2_tiny
from trajprobe.errors import UserError
from trajprobe.features.extract import extract
from trajprobe.features.plan import Plan
from trajprobe.files.feature_shards import chosen, folder, networks_of, read
from trajprobe.rows import variants

LAYERS, POOLINGS = ["histogram", "hidden", "latents", "codes"], ["mean", "tdiff"]
VIEWS = [f"{layer}.{pooling}" for layer in LAYERS for pooling in POOLINGS]


pytestmark = pytest.mark.usefixtures("project")


def alone(monkeypatch, tmp_path, perturbations=()):
    """The files of each view of `net`, of a row that has it alone, with a store of its own."""
    found = {}
    for view in VIEWS:
        layer, pooling = view.split(".")
        with monkeypatch.context() as patch:
            patch.setenv("TRAJPROBE_STORE", str(tmp_path / "stores" / view))
            extract(values(layer=layer, pooling=pooling, perturbations=perturbations), "net")
        found[view] = {of[1:3]: files(place(*of)) for of in networks_of("net")}
    return found


def without_cost(folder):
    """The files of a folder of features: their manifest says what the run cost, which several layers share."""
    manifest = json.loads(folder["manifest.json"])
    assert manifest["meta"].pop("flop") > 0
    del manifest["checksum"]
    return {name: data for name, data in folder.items() if name != "manifest.json"}, manifest


@pytest.mark.parametrize("keeps", ["0", "1"])
def test_each_view_has_the_bytes_of_a_row_of_its_own(encoded, monkeypatch, tmp_path, keeps):
    perturbations = ["shuffled-frames", "permuted-weights"]
    expected = alone(monkeypatch, tmp_path, perturbations)
    encoded()
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", keeps)
    extract(values(layer=LAYERS, pooling=POOLINGS, perturbations=perturbations), "net")
    made = networks_of("net")
    assert sorted({of.layer for of in made}) == sorted(VIEWS)
    assert {of[1:3] for of in made} == expected[VIEWS[0]].keys()
    for of in made:
        assert without_cost(files(place(*of))) == without_cost(expected[of.layer][of[1:3]]), of
    networks = len({of[1:3] for of in made})
    # 6 and 4 clips are 12 in microbatches of 4. What is kept as tokens and as codes is two runs.
    assert encoded() == networks * 12 * (1 if keeps == "0" else 2)


def test_only_what_is_missing_is_made_and_the_network_runs_no_deeper_than_that(encoded, monkeypatch):
    extract(values(layer="hidden", pooling="tmean"), "trained")
    encoded()
    extract(values(layer=["hidden"], pooling=["tmean"]), "trained")
    assert encoded() == 0
    with monkeypatch.context() as patch:
        patch.setattr(magvit2_tiny.Magvit2Tiny, "latents", None)  # of hidden layers alone, it is not called
        extract(values(layer="hidden", pooling=["tmean", "mean"]), "trained")
    assert encoded() == 12
    extract(values(layer=["hidden", "latents"], pooling=["tmean", "mean"]), "trained")
    assert encoded() == 12


def test_kept_tokens_serve_other_poolings_of_each_layer(encoded, monkeypatch):
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    extract(values(layer=LAYERS, pooling="tmean"), "trained")
    encoded()
    extract(values(layer=LAYERS, pooling=["mean", "flatten"]), "trained")
    assert encoded() == 0


def test_all_is_each_layer_of_the_family():
    written_row = values(layer="all")
    plan = Plan.of(written_row, "net")
    assert plan.row.layer == ("hidden", "latents", "codes", "histogram")
    line = extract(written_row, "trained")
    assert line == (
        "trained: 1 x 10 clips to 2 x 8 and 2 x 4 and 2 x 16 features "
        "(hidden.tmean latents.tmean codes.tmean histogram.tmean)"
    )


def test_the_forecast_counts_the_bytes_of_all_layers_and_their_memory_once():
    one, several = (maker(layer=layer).plan.cost for layer in ("latents", ["latents", "hidden"]))
    assert (one.shapes, several.shapes) == (((2, 4),), ((2, 4), (2, 8)))
    assert one.flop == several.flop
    summary = maker(layer=["latents", "hidden"]).forecast(10**6, 2)
    assert "2 x 4 and 2 x 8 features a clip, 192.0 MB" in summary


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": ["hidden", "nonsense"]}, "rows.net.layer`: got `nonsense`, expected one of hidden, latents"),
        ({"layer": []}, "`rows.net`, at `layer`: Expected `array` of length >= 1"),
        ({"layer": ["hidden", "hidden"]}, "rows.net.layer`: got hidden, hidden, expected each once"),
        ({"pooling": ["tmean", "sum"]}, "rows.net.pooling`: got `sum`, expected one of tmean, tdiff, mean, flatten"),
        ({"pooling": []}, "`rows.net`, at `pooling`: Expected `array` of length >= 1"),
        ({"layer": ["hidden", "codes"], "precision": "bfloat16"}, "`codes` is made of codes, whose bits flip"),
        ({"layer": "all", "precision": "bfloat16"}, "`codes` is made of codes, whose bits flip"),
    ],
)
def test_what_is_no_list_of_layers_is_refused(changes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        Plan.of(values(**changes), "net")


def test_a_row_that_is_like_another_has_its_layers():
    rows = values(layer=["hidden", "latents"], pooling=["tmean", "mean"])
    plan = Plan.of(rows, "trained")
    views = ["hidden.tmean", "hidden.mean", "latents.tmean", "latents.mean"]
    assert [of.layer for of in variants("trained", plan.row, 0)] == views


def test_a_worker_that_dies_of_one_layer_makes_none_of_them(monkeypatch, store_folder):
    """A layer that is not finite is refused, and nothing of its clips is kept."""
    network = built()
    network.conv_out.bias.data[0] = float("nan")
    monkeypatch.setattr("trajprobe.features.extract.open_network", lambda *_: (network, {"seed": 0}))
    with pytest.raises(UserError, match="not finite"):
        extract(values(layer=["hidden", "latents"]), "trained")
    assert not list(store_folder.rglob("*.safetensors"))


def test_tokens_are_kept_one_by_one_of_what_is_not_perturbed(encoded, monkeypatch):
    extract(values(keep_tokens=True, perturbations=["shuffled-frames", "permuted-weights"]), "net")
    made = networks_of("net")
    with_tokens = {of[1:3] for of in made if of.layer == "hidden.none"}
    assert with_tokens == {(network, "plain") for network in ("pretrained", "random/0", "random/1")}
    assert {of[1:3] for of in made if of.layer == "hidden.tmean"} == with_tokens | {
        ("pretrained", "shuffled-frames"),
        ("permuted-weights", "plain"),
    }
    assert encoded() == 5 * 12
    tokens, pooled = (read(place("net", layer=layer))[0] for layer in ("hidden.none", "hidden.tmean"))
    assert tokens.shape == (10, 2 * 2 * 2, 8)
    np.testing.assert_allclose(tokens.reshape(10, 2, 4, 8).mean(axis=2), pooled, atol=1e-6)
    assert load_shape() == (10, 2, 8)  # by default, it is the pooled ones that are loaded


def load_shape():
    return read(folder(chosen("net")))[0].shape


@pytest.mark.parametrize("layer", [["hidden", "latents"], "all", ["hidden"]])
def test_tokens_of_several_layers_are_refused(layer):
    with pytest.raises(UserError, match=r"rows\.net\.keep_tokens`: got it for several layers, expected one `layer`"):
        Plan.of(values(layer=layer, keep_tokens=True), "net")


def test_no_pooling_is_no_pooling_of_a_row():
    with pytest.raises(UserError, match=r"rows\.net\.pooling`: got `none`, expected one of tmean, tdiff, mean"):
        Plan.of(values(pooling="none"), "net")
