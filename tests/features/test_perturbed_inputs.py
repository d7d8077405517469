"""Features of perturbed inputs and permuted weights: the network's own, and taken for no other."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from small import VIDEO, built, files, hidden_means, place, values, written

from trajprobe.backbones import weights
from trajprobe.features.extract import extract
from trajprobe.features.perturbations import middle_frame, permute_weights, shuffled_frames
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import FEATURES, load_features, read
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.store import Store

NAMES = ["shuffled-frames", "middle-frame", "permuted-weights"]

pytestmark = pytest.mark.usefixtures("project")


def run(**changes):
    """Row `trained` with all perturbations: four networks or inputs."""
    changed = values(**{"microbatch": 5} | changes)
    changed["rows"]["trained"]["perturbations"] = NAMES
    extract(changed, "trained")


def perturbed(name, row="trained", layer="hidden.tmean"):
    return place(row, "permuted-weights", layer=layer) if name == NAMES[2] else place(row, "pretrained", name, layer)


def shards(name):
    """The recipes of the shards of a perturbation."""
    for path in sorted(perturbed(name).glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            yield json.loads(file.metadata()["meta"])


def test_they_are_what_the_network_gives_for_perturbed_clips_and_the_permuted_one_for_true_clips():
    run()
    permuted = built(7)
    permute_weights(permuted)
    expected = {
        "shuffled-frames": hidden_means(built(7), shuffled_frames(VIDEO)),
        "middle-frame": hidden_means(built(7), middle_frame(VIDEO)),
        "permuted-weights": hidden_means(permuted),
    }
    true = read(place("trained"))[0]
    for name, features in expected.items():
        got, _ = read(perturbed(name))
        np.testing.assert_allclose(got, features, atol=1e-5)
        assert np.abs(got - true).max() > 0.01


def test_their_recipes_name_the_perturbation_and_are_else_the_rows_own():
    run()
    true = read(place("trained"))[1]
    assert "perturbation" not in true
    code = code_hash("trajprobe.features.perturbations")
    for name in NAMES:
        recipe = read(perturbed(name))[1]
        assert recipe.pop("perturbation") == [name, code]
        assert recipe == true
        assert len({shard["shard"] for shard in shards(name)}) == 2
        assert all(shard["perturbation"] == [name, code] for shard in shards(name))


def test_no_shard_is_taken_for_another_in_the_store(store_folder):
    run()
    every = list(FEATURES.rglob("*.safetensors"))
    assert len(every) == 2 * 4
    assert len({path.read_bytes() for path in every}) == len({path.stat().st_ino for path in every}) == 8
    assert len(list(Store(store_folder))) == 8


@pytest.mark.parametrize("layer", ["hidden", "codes"])
def test_tokens_that_are_kept_are_not_mixed_up(encoded, monkeypatch, tmp_path, layer):
    run(layer=layer, pooling="flatten")
    without = files(FEATURES)
    encoded()
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "keeping"))
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    run(layer=layer, pooling="mean")  # keeps the tokens of the row and of each perturbation
    assert encoded() == 4 * 15  # 6 and 4 clips, in microbatches of 5
    run(layer=layer, pooling="flatten")
    assert files(FEATURES) == without
    assert encoded() == 0


def test_appended_clips_change_nothing_in_the_shards_before_them():
    run()
    before = files(FEATURES)
    written(Path("data/clips/small"), [6, 10, 13], np.concatenate([VIDEO, VIDEO[::-1]]))
    run()
    after = files(FEATURES)
    for name in NAMES:
        for number in range(2):
            path = (perturbed(name) / f"{number:05d}.safetensors").relative_to(FEATURES).as_posix()
            assert after[path] == before[path]
    assert len(after) == 4 * (4 + 1)


def test_features_do_not_depend_on_how_the_shards_are_cut_or_on_the_microbatch():
    run()
    before = {name: read(perturbed(name))[0] for name in NAMES}
    written(Path("data/clips/small"), [1, 4, 9])
    run(microbatch=2)
    for name in NAMES:
        np.testing.assert_allclose(read(perturbed(name))[0], before[name], atol=1e-5)


def test_a_row_without_weights_has_its_first_seeds_network_on_perturbed_clips():
    extract(values(weights="random", perturbations=NAMES[:2]), "net")
    for name, function in (("shuffled-frames", shuffled_frames), ("middle-frame", middle_frame)):
        features, recipe = read(place("net", "random/0", name))
        np.testing.assert_allclose(features, hidden_means(built(0), function(VIDEO)), atol=1e-5)
        assert recipe["weights"] == {"seed": 0, "digest": weights.digest(built(0))}
    assert not place("net", "random/1", NAMES[0]).exists()


def test_each_network_sees_the_frames_in_reverse_order_where_that_is_asked_for(store_folder):
    changed = values()
    changed["features"]["arrow_of_time"] = "all"
    extract(changed, "net")
    code = code_hash("trajprobe.features.perturbations")
    for network, seed in (("pretrained", 7), ("random/0", 0), ("random/1", 1)):
        features, recipe = read(place("net", network, "reversed"))
        np.testing.assert_allclose(features, hidden_means(built(seed), VIDEO[:, ::-1].copy()), atol=1e-5)
        assert recipe.pop("perturbation") == ["reversed", code]
        assert recipe == read(place("net", network))[1]
    assert len({path.read_bytes() for path in FEATURES.rglob("*.safetensors")}) == 2 * 6
    assert len(list(Store(store_folder))) == 2 * 6


def test_they_are_loaded_by_their_coordinates():
    run()
    ten = np.arange(10)
    Labelling(ten % 2, np.array(["a", "b"]), ten, ten % 5, "t1", 0).save(LABELLING)
    loaded = load_features("trained", input="middle-frame")
    np.testing.assert_array_equal(loaded.features, read(perturbed("middle-frame"))[0])
    assert loaded.recipe["perturbation"][0] == "middle-frame"
    loaded = load_features("trained", network="permuted-weights", layer="hidden.tmean")
    np.testing.assert_array_equal(loaded.features, read(perturbed("permuted-weights"))[0])


def cluttered(**changes):
    """Clips `small` beside the same at levels 0.5 and 2, and a row that sees them; with random networks."""
    written(Path("data/clips/small"), [6], levels=[0.5, 2])
    for level, video in ((0.5, VIDEO[::-1]), (2, 255 - VIDEO)):
        written(Path(f"data/clips/small/clutter-{level:g}"), [6], video)
    changed = values(microbatch=5, perturbations=["clutter"], **changes)
    extract(changed, "net")
    return changed


def test_each_network_sees_the_clips_of_each_level():
    cluttered()
    for level, video in ((0.5, VIDEO[::-1]), (2, 255 - VIDEO)):
        for network, seed in (("pretrained", 7), ("random/0", 0), ("random/1", 1)):
            features, recipe = read(place("net", network, f"clutter-{level:g}"))
            np.testing.assert_allclose(features, hidden_means(built(seed), np.ascontiguousarray(video)), atol=1e-5)
            assert "perturbation" not in recipe
    assert not place("net", "permuted-weights", "clutter-2").exists()
    np.testing.assert_allclose(read(place("net"))[0], hidden_means(built(7)), atol=1e-5)


def test_clips_at_a_level_are_those_of_a_row_that_has_them_as_plain_and_run_once(encoded):
    cluttered()
    encoded()
    written(Path("data/clips/drawn-so"), [6], 255 - VIDEO)
    alike = values(microbatch=5, clips="drawn-so")
    extract(alike, "trained")
    assert encoded() == 0
    assert (
        files(place("trained")).items()
        >= {
            name: data for name, data in files(place("net", input="clutter-2")).items() if name != "manifest.json"
        }.items()
    )


def test_a_further_level_runs_alone(encoded):
    changed = cluttered(seeds=2)
    encoded()
    written(Path("data/clips/small"), [6], levels=[0.5, 2, 3])
    for level, video in ((0.5, VIDEO[::-1]), (2, 255 - VIDEO), (3, VIDEO // 2)):
        written(Path(f"data/clips/small/clutter-{level:g}"), [6], video)
    extract(changed, "net")
    assert encoded() == 3 * 15  # three networks, ten clips in microbatches of five, of which a shard of 6 needs two
