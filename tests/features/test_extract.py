"""Features are the network's own output for each clip, however the clips are cut, in a folder for each variant."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import VIDEO, built, files, hidden_means, place, values, written

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.features.extract import FeatureMaker, extract
from trajprobe.features.plan import Plan
from trajprobe.features.tokens import Encoding
from trajprobe.files.feature_shards import FEATURES, networks_of, read
from trajprobe.files.shards import MANIFEST, Shards

pytestmark = pytest.mark.usefixtures("project")
PERTURBATIONS = ["shuffled-frames", "middle-frame", "permuted-weights"]


def extracted(cuts=(6,), video=VIDEO, **changes):
    """Features of the pretrained network."""
    written(Path("data/clips/small"), list(cuts), video)
    extract(values(**changes), "trained")
    return read(next(FEATURES.glob("trained/pretrained/plain/*")))[0]


@pytest.mark.parametrize("microbatch", [1, 4, 5, 10, 16])
def test_features_are_the_networks_output_for_each_clip(microbatch):
    features = extracted(microbatch=microbatch)
    assert (features.shape, features.dtype) == ((10, 2, 8), np.float32)
    np.testing.assert_allclose(features, hidden_means(built(7)), atol=1e-5)


def test_a_padded_tail_is_what_the_same_clips_give_in_a_full_microbatch():
    padded = extracted(cuts=())
    full = extracted(cuts=(), video=np.concatenate([VIDEO, VIDEO[:2]]))
    np.testing.assert_array_equal(padded, full[:10])
    np.testing.assert_allclose(full[10:], padded[:2], atol=1e-5)


def test_the_network_sees_microbatches_of_one_size_alone(monkeypatch):
    sizes = []
    hidden = "trajprobe.backbones.magvit2_tiny.Magvit2Tiny.hidden"
    original = type(built()).hidden

    def counted(network, x):
        if not x.is_meta:
            sizes.append(len(x))
        return original(network, x)

    monkeypatch.setattr(hidden, counted)
    extracted(cuts=(5,))
    assert sizes == [1, 4, 4, 4, 4, 4, 4]  # the first three measure the speed


def test_features_do_not_depend_on_how_the_shards_are_cut():
    features = extracted(cuts=(), microbatch=2)
    np.testing.assert_array_equal(extracted(cuts=(4, 6), microbatch=2), features)
    np.testing.assert_allclose(extracted(cuts=(1, 6), microbatch=2), features, atol=1e-5)


def test_each_variant_of_a_row_has_a_folder():
    line = extract(values(perturbations=PERTURBATIONS), "net")
    assert line == "net: 6 x 10 clips to 2 x 8 features (hidden.tmean)"
    assert ["/".join(of[1:]) for of in networks_of("net")] == [
        "permuted-weights/plain/hidden.tmean",
        "pretrained/middle-frame/hidden.tmean",
        "pretrained/plain/hidden.tmean",
        "pretrained/shuffled-frames/hidden.tmean",
        "random/0/plain/hidden.tmean",
        "random/1/plain/hidden.tmean",
    ]
    for network, seed in (("pretrained", 7), ("random/0", 0), ("random/1", 1)):
        np.testing.assert_allclose(read(place("net", network))[0], hidden_means(built(seed)), atol=1e-5)


def test_networks_of_several_seeds_have_a_folder_each():
    shutil.rmtree("data/weights/w")
    for seed in (0, 1, 2):
        weights.save(Path(f"data/weights/w/{seed}"), built(20 + seed), {"seed": seed})
    line = extract(values(perturbations=["middle-frame"]), "net")
    assert line == "net: 6 x 10 clips to 2 x 8 features (hidden.tmean)"
    assert {of.network for of in networks_of("net")} == {f"pretrained/{seed}" for seed in range(3)} | {
        "random/0",
        "random/1",
    }
    for seed in range(3):
        np.testing.assert_allclose(
            read(place("net", f"pretrained/{seed}"))[0], hidden_means(built(20 + seed)), atol=1e-5
        )
    assert read(place("net", "pretrained/0", "middle-frame"))[1]["weights"]["name"] == "w"


def test_a_row_that_is_like_another_has_its_pretrained_network_alone():
    assert extract(values(), "trained") == "trained: 1 x 10 clips to 2 x 8 features (hidden.tmean)"
    assert [of.network for of in networks_of("trained")] == ["pretrained"]


def test_a_row_without_weights_has_random_networks_alone():
    extract(values(weights="random", seeds=3), "net")
    assert [of.network for of in networks_of("net")] == ["random/0", "random/1", "random/2"]
    sources = [read(place("net", f"random/{seed}"))[1]["weights"] for seed in range(3)]
    assert sources == [{"seed": seed, "digest": weights.digest(built(seed))} for seed in range(3)]


def test_a_variant_that_the_row_no_longer_names_is_gone():
    extract(values(perturbations=PERTURBATIONS, seeds=3), "net")
    extract(values(perturbations=["middle-frame"], pooling="mean"), "net")
    assert {"/".join(of[1:]) for of in networks_of("net")} == {
        "pretrained/plain/hidden.mean",
        "pretrained/middle-frame/hidden.mean",
        "random/0/plain/hidden.mean",
        "random/1/plain/hidden.mean",
    }
    assert [path.name for path in FEATURES.iterdir()] == ["net"]
    folders = {path.relative_to(FEATURES / "net").as_posix() for path in FEATURES.glob("net/**/") if path.is_dir()}
    assert folders - {"."} == {
        "pretrained",
        "pretrained/plain",
        "pretrained/plain/hidden.mean",
        "pretrained/middle-frame",
        "pretrained/middle-frame/hidden.mean",
        "random",
        "random/0",
        "random/0/plain",
        "random/0/plain/hidden.mean",
        "random/1",
        "random/1/plain",
        "random/1/plain/hidden.mean",
    }


def test_another_row_keeps_its_features():
    extract(values(), "trained")
    before = files(FEATURES / "trained")
    extract(values(), "net")
    assert files(FEATURES / "trained") == before


def test_the_recipe_of_a_folder_is_that_of_the_row_with_its_tracks():
    extract(values(), "trained")
    (of,) = networks_of("trained")
    _, recipe = read(place("trained"))
    source = {"name": "w", "sha256": recipe["weights"]["sha256"], "trained_frames": 17}
    plan = Plan.of(values(), "trained")
    expected = plan.recipe(of.network, of.input, *plan.row.views, source) | {"tracks": "t1", "flop": plan.cost.flop}
    assert recipe == json.loads(json.dumps(expected))


def test_each_shard_has_the_recipe_and_names_the_clips_it_is_of():
    extract(values(), "trained")
    recipe = read(place("trained"))[1]
    del recipe["tracks"], recipe["flop"]
    for number, clips in enumerate(Shards(Path("data/clips/small")).shards):
        with safe_open(place("trained") / f"{number:05d}.safetensors", "numpy") as file:
            assert json.loads(file.metadata()["meta"]) == recipe | {"shard": clips["sha256"]}


def test_a_manifest_says_how_many_clips_there_are():
    extracted(cuts=(7,))
    manifest = json.loads((place("trained") / MANIFEST).read_text())
    assert [shard["items"] for shard in manifest["shards"]] == [7, 3]


def test_other_weights_give_other_features():
    before = extracted()
    weights.save(Path("data/weights/w"), built(8), {"trained_frames": 17})
    assert np.abs(before - extracted()).max() > 0.01


def test_lower_precision_gives_rougher_features_in_float32():
    exact = extracted()
    rough = extracted(precision="bfloat16")
    assert rough.dtype == np.float32
    assert 1e-4 < np.abs(exact - rough).max() < 0.1
    assert read(place("trained"))[1]["precision"] == "bfloat16"


@pytest.mark.parametrize(("part", "value"), [("weight", math.nan), ("bias", math.inf)])
def test_values_that_are_not_finite_are_refused_and_the_old_features_stay(part, value):
    extract(values(), "trained")
    before = files(FEATURES)
    network = built(7)
    getattr(network.norm_out, part).data[0] = 3e38  # finite: the file is loaded, and the network overflows
    assert np.isnan(hidden_means(network)[..., 0]).any() == math.isnan(value)
    weights.save(Path("data/weights/w"), network, {"trained_frames": 17})
    with pytest.raises(UserError, match="trained: the network gave values that are not finite; its weights or its"):
        extract(values(), "trained")
    assert files(FEATURES) == before


@pytest.mark.parametrize("forecast", [True, False])
def test_a_gpu_without_room_is_refused_with_what_to_lower(monkeypatch, forecast):
    """Torch raises this error for GPUs alone. Fewer clips at once would have other last bits: they are not chosen."""
    features = Encoding.features

    def full(encoding, network, video):
        if video.is_meta:
            return features(encoding, network, video)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")

    monkeypatch.setattr(Encoding, "features", full)
    if not forecast:
        monkeypatch.setattr(FeatureMaker, "forecast", lambda *_: "no forecast")
    with pytest.raises(UserError) as error:
        extracted()
    message = (
        "`features.memory`: trained needs about 0.00 GiB on cpu for its weights and 4 clips at once, and the GPU ran"
    )
    assert message in str(error.value)
    assert list(FEATURES.iterdir()) == []


def test_what_can_not_be_opened_leaves_no_folder():
    with pytest.raises(UserError, match=r"data/weights/absent/provenance\.json: is not there"):
        extract(values(weights="absent"), "trained")
    assert list(FEATURES.iterdir()) == []


def test_a_dry_run_says_what_all_networks_cost_and_changes_nothing():
    line = extract(values(microbatch=5, perturbations=PERTURBATIONS), "net", dry=True)
    assert line.startswith("net, over the clips of small: 6 x 10 clips of 0.0 GFLOP, 5 at once (")
    assert line.endswith("2 x 8 features a clip, 0.0 MB")
    assert not FEATURES.exists()
    extract(values(), "trained")
    before = files(FEATURES)
    assert extract(values(), "trained", dry=True).startswith("trained, over the clips of small: 10 clips of 0.0 GFLOP")
    assert files(FEATURES) == before


def test_a_run_forecasts_what_is_missing_before_it_starts(caplog):
    with caplog.at_level("INFO", "trajprobe"):
        extract(values(), "net")
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "net pretrained hidden.tmean: measuring how fast it runs"
    assert messages[1].startswith("net: 3 x 10 clips of 0.0 GFLOP, 4 at once")
    assert len(messages) == 2
    caplog.clear()
    with caplog.at_level("INFO", "trajprobe"):
        extract(values(seeds=4), "net")
    messages = [record.getMessage() for record in caplog.records]
    assert [message for message in messages if "GFLOP" in message] == [messages[4]]
    assert messages[3:5] == ["net random/2 hidden.tmean: measuring how fast it runs", messages[4]]
    assert messages[4].startswith("net: 2 x 10 clips")
