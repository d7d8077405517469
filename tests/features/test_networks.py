"""Rows of params.yaml to features: pretrained, random and controls, each with its recipe, or refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import ROW, VIDEO, Job, built, direct, setting

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.features import controls, networks
from trajprobe.features.device import device
from trajprobe.features.encoder import Encoder
from trajprobe.features.extraction import extract
from trajprobe.features.setting import Setting, check_row
from trajprobe.files import video_shards as clips
from trajprobe.files.content_key import closure_hash
from trajprobe.files.feature_shards import folders, read
from trajprobe.files.shards import Shards
from trajprobe.rows import Backbone, Untrained


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layer": "middle"}, "`a-row.layer`: got `middle`, expected one of hidden, latents, codes, histogram"),
        ({"pooling": "max"}, "`a-row.pooling`: got `max`, expected one of tmean, tdiff, mean, flatten"),
        ({"precision": "bfloat16", "layer": "codes"}, "`a-row.precision`: got `bfloat16`, expected float32: `codes`"),
        ({"clips": "none"}, "data/clips/none: is not there; `dvc repro render@none` renders it"),
        ({"precision": "bfloat16", "layer": "histogram"}, "expected float32: `histogram` is made of codes"),
        ({"precision": "tf32", "layer": "codes"}, "got `tf32`, expected float32: `codes` is made of codes"),
        ({"precision": "tf32"}, "`a-row.precision`: tf32 is of NVIDIA GPUs, this is cpu; use float32"),
        (
            {"family": "open_magvit2", "architecture": {}, "clips": "even"},
            r"`a-row.clips`: got clips of 4 frames, expected 4k \+ 1: 1, 5, 9, \.\.\.; choose or add another format",
        ),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_row_that_does_not_go_together_is_refused(changed, message):
    with pytest.raises(UserError, match=message):
        pretrained(**changed)
    assert not Path("data/features").exists()


VALUES = {
    "compute": {"threads": 2, "instruction_set": "native"},
    "features": {"microbatch": 5, "memory": 1},
    "random_init": {"seeds": 3},
    "controls": {
        "pixels": {"family": "pixels", "clips": "small"},
        "noise": {"family": "noise", "clips": "small", "dimensions": 3, "seed": 0},
        "wrong": {"family": "noise", "clips": "small", "dimension": 3},
        "short": {"family": "noise"},
    },
}


def pretrained(kind="pretrained", **changed):
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"} | changed), kind, "a-row")
    return read(Path("data/features") / kind / "a-row")


@pytest.mark.usefixtures("project")
def test_pretrained_features_come_from_the_weight_file_and_the_recipe_says_so():
    features, recipe = pretrained()
    stored = clips.Clips(Path("data/clips/small"))
    extract(setting(stored, 5), [Job(setting(stored, 5), built(7), Path("direct"), {})], "x")
    np.testing.assert_array_equal(features, read(Path("direct"))[0])
    digest = hashlib.sha256(Path("data/weights/w/model.safetensors").read_bytes()).hexdigest()
    assert recipe["weights"] == {"name": "w", "sha256": digest, "trained_frames": 17}
    assert recipe["device"] == f"cpu-{torch.backends.cpu.get_cpu_capability().lower()}"
    code = ("trajprobe.backbones.magvit2_tiny", "trajprobe.features.tokens")
    assert recipe["code"] == list(map(closure_hash, code))
    assert recipe["tracks"] == "t1"
    assert recipe["microbatch"] == 5
    assert recipe["compute"] == VALUES["compute"]
    assert recipe["clips"] | {"tracks": "t1"} == stored.meta
    assert recipe["precision"] == "float32"
    assert {key: recipe[key] for key in ("family", "architecture", "layer", "pooling")} == {
        key: ROW[key] for key in ("family", "architecture", "layer", "pooling")
    }
    assert recipe["torch"] in torch.__version__


@pytest.mark.usefixtures("project")
def test_each_shard_names_the_clips_it_is_of():
    pretrained()
    sources = [shard["sha256"] for shard in Shards(Path("data/clips/small")).shards]
    told = []
    for path in sorted(Path("data/features/pretrained/a-row").glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            told.append(json.loads(file.metadata()["meta"])["shard"])
    assert told == sources
    assert len(set(told)) == 2


@pytest.mark.usefixtures("project")
def test_other_weights_give_other_features_and_missing_ones_none():
    before = pretrained()
    weights.save(Path("data/weights/w"), built(8), {"trained_frames": 17})
    after = pretrained()
    assert np.abs(before[0] - after[0]).max() > 0.01
    assert before[1]["weights"]["sha256"] != after[1]["weights"]["sha256"]
    with pytest.raises(UserError, match=r"data/weights/absent/provenance\.json: is not there; `dvc pull data"):
        pretrained("controls", weights="absent")
    assert not Path("data/features/controls").exists()


@pytest.mark.usefixtures("project")
def test_random_features_are_of_seeds_0_1_2_and_need_no_weights():
    Path("data/weights/w/model.safetensors").unlink()
    networks.random(VALUES, Untrained(**ROW), "a-row")
    found = folders("random", "a-row")
    assert [folder.name for folder in found] == ["seed-0", "seed-1", "seed-2"]
    features, recipes = zip(*map(read, found), strict=True)
    np.testing.assert_allclose(features[0], direct(), atol=1e-5)
    assert [recipe["weights"] for recipe in recipes] == [
        {"seed": seed, "digest": weights.digest(built(seed))} for seed in range(3)
    ]
    assert np.abs(features[1] - features[2]).max() > 0.01


def test_random_folders_come_in_the_order_of_the_seeds(tmp_path):
    for seed in (10, 9, 0):
        (tmp_path / "data/features/random/r" / f"seed-{seed}").mkdir(parents=True)
    assert [folder.name for folder in folders("random", "r", tmp_path)] == ["seed-0", "seed-9", "seed-10"]


@pytest.mark.usefixtures("project")
def test_controls_are_computed_from_the_clips():
    assert controls.control(VALUES, "pixels") == "pixels: 10 clips to 5 x 256 features"
    found, recipe = read(Path("data/features/controls/pixels"))
    np.testing.assert_allclose(found, VIDEO.mean(axis=-1).reshape(10, 5, -1) / 255, atol=1e-6)
    assert recipe["family"] == "pixels"
    assert (recipe["tracks"], recipe["weights"], recipe["options"]) == ("t1", {}, {})
    assert recipe["code"] == closure_hash("trajprobe.backbones.pixels")
    controls.control(VALUES, "noise")
    found, recipe = read(Path("data/features/controls/noise"))
    assert found.shape == (10, 1, 3)
    assert len(np.unique(found)) == 30  # the second shard's noise is not the first one's
    assert recipe["options"] == {"dimensions": 3, "seed": 0}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", "`controls.wrong`, beside family and clips.*unknown key `dimension`.*dimensions, seed"),
        ("short", "`controls.short`: missing key 'clips'"),
        ("absent", "no `absent` in `controls`; there are: pixels, noise"),
    ],
)
def test_a_wrong_control_is_refused(name, message):
    with pytest.raises(UserError, match=message):
        controls.control(VALUES, name)
    assert not Path("data/features").exists()


@pytest.mark.parametrize("name", ["", "gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setenv("TRAJPROBE_DEVICE", name)
    with pytest.raises(UserError, match=f"TRAJPROBE_DEVICE: got '{name}', expected cpu"):
        device()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("random", [False, True])
def test_a_dry_run_tells_its_cost_and_makes_nothing(random):
    told = networks.random(VALUES, Untrained(**ROW), "a-row", "--dry") if random else dry()
    assert "10 clips of 0.0 GFLOP, 5 at once" in told
    over = "over the clips that are in data/clips/small"
    assert told.startswith(f"a-row (random), {over}: 3 x 10 clips" if random else f"a-row, {over}: 10 clips")
    assert told.endswith("2 x 8 features a clip, 0.0 MB")
    assert not Path("data/features").exists()


def dry(*options):
    return networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "a-row", *options or ["--dry"])


@pytest.mark.usefixtures("project")
def test_a_run_tells_the_same_forecast_before_it_starts(caplog):
    with caplog.at_level("INFO", "trajprobe"):
        pretrained()
    measuring, record = caplog.records
    assert measuring.getMessage() == "a-row: measuring how fast it runs"
    assert record.getMessage().startswith("a-row: 10 clips of 0.0 GFLOP, 5 at once")


@pytest.mark.usefixtures("project")
def test_an_unknown_option_is_refused():
    with pytest.raises(UserError, match="got --try, expected nothing more, or --dry"):
        dry("--try")


@pytest.mark.usefixtures("project")
def test_bfloat16_is_a_recipe_of_its_own():
    exact, recipe = pretrained()
    rough, other = pretrained(precision="bfloat16")
    assert (recipe["precision"], other["precision"]) == ("float32", "bfloat16")
    assert rough.dtype == np.float32
    difference = np.abs(exact - rough).max()
    assert 1e-4 < difference < 0.1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("device", ["cpu", "cuda:99"])
def test_tf32_is_refused_where_a_network_runs_and_not_before(monkeypatch, device):
    """The machine that deals out the work may have no GPU, nor the device that the variable names."""
    flags = torch.backends.cudnn, torch.backends.cuda.matmul
    Encoder(setting(clips.Clips(Path("data/clips/small")), 5), built(), {})
    monkeypatch.setenv("TRAJPROBE_DEVICE", device)
    row = Setting.of(VALUES, Untrained(**ROW | {"precision": "tf32"}), "a-row")
    check_row(row.row, row.family, row.shape, "a-row")
    message = "tf32 is of NVIDIA GPUs, this is cpu" if device == "cpu" else "TRAJPROBE_DEVICE: got 'cuda:99'"
    with pytest.raises(UserError, match=message):
        Encoder(row, built(), {})
    assert not any(each.allow_tf32 for each in flags)
