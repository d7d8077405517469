"""The primary row's perturbed features: the network's own of perturbed clips, and taken for no other."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import ROW, VIDEO, built, written

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.errors import UserError
from trajprobe.features import networks
from trajprobe.features.perturbed import perturbed
from trajprobe.features.perturbing import middle_frame, permuted_weights, shuffled_frames
from trajprobe.files.content_key import closure_hash
from trajprobe.files.feature_shards import folders, read
from trajprobe.files.feature_shards import perturbed as rows_of
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.loading import load_features
from trajprobe.files.store import Store
from trajprobe.rows import Backbone

VALUES = {
    "compute": {"threads": 2, "instruction_set": "native"},
    "features": {"microbatch": 5, "memory": 1},
    "random_init": {"seeds": 2},
    "backbones": {"a-row": ROW | {"weights": "w"}, "other": ROW | {"weights": "w"}},
    "untrained": {"bare": ROW},
    "compare": {"primary": "a-row"},
}
OUT = Path("data/features/perturbed")
NAMES = ["shuffled-frames", "middle-frame", "permuted-weights"]

pytestmark = pytest.mark.usefixtures("project")


def features_of(network, video):
    with torch.no_grad():
        hidden = network.eval().hidden(magvit2_tiny.preprocess(torch.from_numpy(video)))
    return hidden.mean(dim=(3, 4)).transpose(1, 2).numpy()


def files():
    return {str(path): path.read_bytes() for path in OUT.rglob("*") if path.is_file()}


def test_they_are_what_the_network_gives_for_perturbed_clips_and_permuted_for_true_ones():
    told = perturbed(VALUES, "backbones", "a-row")
    assert told == "a-row (perturbed): 3 networks, each 10 clips to 2 x 8 features (hidden, tmean)"
    permuted = built(7)
    permuted_weights(permuted)
    expected = {
        "shuffled-frames": features_of(built(7), shuffled_frames(VIDEO)),
        "middle-frame": features_of(built(7), middle_frame(VIDEO)),
        "permuted-weights": features_of(permuted, VIDEO),
    }
    true = features_of(built(7), VIDEO)
    assert rows_of("a-row") == sorted(f"a-row/{name}" for name in NAMES)
    for name, features in expected.items():
        found, _ = read(folders("perturbed", f"a-row/{name}")[0])
        np.testing.assert_allclose(found, features, atol=1e-5)
        assert np.abs(found - true).max() > 0.01


def test_their_recipes_say_what_was_perturbed_and_are_else_the_rows_own():
    perturbed(VALUES, "backbones", "a-row")
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "a-row")
    true = read(folders("pretrained", "a-row")[0])[1]
    assert "perturbation" not in true
    code = closure_hash("trajprobe.features.perturbing")
    for name in NAMES:
        recipe = read(folders("perturbed", f"a-row/{name}")[0])[1]
        assert recipe.pop("perturbation") == {"name": name, "code": code}
        assert recipe == true
        sources = []
        for path in sorted((OUT / "a-row" / name).glob("*.safetensors")):
            with safe_open(path, "numpy") as file:
                sources.append(json.loads(file.metadata()["meta"])["shard"])
        assert len(set(sources)) == 2


def test_no_shard_is_taken_for_another_in_the_store(store_folder):
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "a-row")
    perturbed(VALUES, "backbones", "a-row")
    every = list(Path("data/features").rglob("*.safetensors"))
    assert len(every) == 2 * 4
    assert len({path.read_bytes() for path in every}) == len({path.stat().st_ino for path in every}) == 8
    assert len(list(Store(store_folder))) == 8


@pytest.mark.parametrize("layer", ["hidden", "codes"])
def test_tokens_that_are_kept_are_not_mixed_up(encoded, monkeypatch, tmp_path, layer):
    row = ROW | {"layer": layer, "pooling": "flatten"}
    values = VALUES | {"backbones": {"a-row": row | {"weights": "w"}}}
    perturbed(values, "backbones", "a-row")
    without = files()
    encoded()
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "keeping"))
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    other = row | {"pooling": "mean"}  # keeps the true row's tokens, and each perturbation's
    networks.pretrained(values, Backbone(**other | {"weights": "w"}), "pretrained", "a-row")
    perturbed(values | {"backbones": {"a-row": other | {"weights": "w"}}}, "backbones", "a-row")
    assert encoded() == 4 * 15  # 6 and 4 clips, in microbatches of 5
    perturbed(values, "backbones", "a-row")
    assert files() == without
    assert encoded() == 0


def test_appended_clips_change_nothing_in_the_shards_that_were_there():
    perturbed(VALUES, "backbones", "a-row")
    before = files()
    written(Path("data/clips/small"), [6, 10, 13], np.concatenate([VIDEO, VIDEO[::-1]]))
    perturbed(VALUES, "backbones", "a-row")
    after = files()
    for name in NAMES:
        for number in range(2):
            path = str(OUT / "a-row" / name / f"{number:05d}.safetensors")
            assert after[path] == before[path]
    assert len(after) == 3 * (4 + 1)


def test_features_do_not_depend_on_how_the_shards_are_cut_or_on_the_microbatch():
    perturbed(VALUES, "backbones", "a-row")
    before = {name: read(OUT / "a-row" / name)[0] for name in NAMES}
    written(Path("data/clips/small"), [1, 4, 9])
    perturbed(VALUES | {"features": {"microbatch": 2, "memory": 1}}, "backbones", "a-row")
    for name in NAMES:
        np.testing.assert_allclose(read(OUT / "a-row" / name)[0], before[name], atol=1e-5)


def test_two_workers_make_the_same_bytes(monkeypatch, tmp_path):
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "one"))
    perturbed(VALUES, "backbones", "a-row")
    alone = files()
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "two"))
    monkeypatch.setenv("TRAJPROBE_WORKERS", "2")
    perturbed(VALUES, "backbones", "a-row")
    assert files() == alone
    assert len(list(Store.here())) == 6


def test_the_weight_file_stays_as_it_was():
    path = Path("data/weights/w/model.safetensors")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    perturbed(VALUES, "backbones", "a-row")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_primary_without_weights_is_its_first_seeds_network_on_perturbed_clips():
    values = VALUES | {"compare": {"primary": "bare"}}
    perturbed(values, "untrained", "bare")
    assert rows_of("bare") == ["bare/middle-frame", "bare/shuffled-frames"]
    for name, of in (("shuffled-frames", shuffled_frames), ("middle-frame", middle_frame)):
        found, recipe = read(OUT / "bare" / name)
        np.testing.assert_allclose(found, features_of(built(0), of(VIDEO)), atol=1e-5)
        assert recipe["weights"] == {"seed": 0, "digest": weights.digest(built(0))}


def test_a_row_that_is_not_the_primary_one_is_emptied():
    perturbed(VALUES, "backbones", "a-row")
    values = VALUES | {"compare": {"primary": "other"}}
    assert perturbed(values, "backbones", "a-row") == "a-row is not `compare.primary`: nothing to do"
    assert list((OUT / "a-row").iterdir()) == []
    assert rows_of("a-row") == []
    assert perturbed(values, "untrained", "bare") == "bare is not `compare.primary`: nothing to do"
    with pytest.raises(UserError, match="data/features/perturbed/other: is not there; `dvc repro` makes it"):
        rows_of("other")


def test_a_row_that_is_not_the_primary_one_needs_no_torch():
    code = f"""
import sys
from trajprobe.features.perturbed import perturbed
print(perturbed({VALUES!r}, "backbones", "other"), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "other is not `compare.primary`: nothing to do False\n"


def test_a_dry_run_tells_the_cost_of_all_three_and_makes_nothing():
    told = perturbed(VALUES, "backbones", "a-row", "--dry")
    assert told.startswith("a-row (perturbed), over the clips that are in data/clips/small: 3 x 10 clips of 0.0 GFLOP")
    assert not OUT.exists()


def test_what_the_row_itself_would_be_refused_for_refuses_them_too():
    values = VALUES | {"backbones": {"a-row": ROW | {"weights": "absent"}}}
    with pytest.raises(UserError, match=r"data/weights/absent/provenance\.json: is not there"):
        perturbed(values, "backbones", "a-row")
    assert not OUT.exists()


def test_they_are_loaded_by_row_and_perturbation():
    perturbed(VALUES, "backbones", "a-row")
    ten = np.arange(10)
    Labelling(ten % 2, np.array(["a", "b"]), ten, ten % 5, "t1", 0).save(LABELLING)
    for asked in ({"row": "a-row/middle-frame"}, {"row": "a-row/middle-frame", "kind": "perturbed"}):
        found = load_features(**asked)
        np.testing.assert_array_equal(found.features, read(OUT / "a-row/middle-frame")[0])
        assert found.recipe["perturbation"]["name"] == "middle-frame"
    with pytest.raises(
        UserError, match="kind: got 'shuffled', expected one of pretrained, random, controls, perturbed"
    ):
        load_features("a-row", "shuffled")
