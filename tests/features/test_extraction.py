"""Features are the network's own output for each clip, whatever the cut, and their recipe tells all of it."""

import dataclasses
import hashlib
import json
import math
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors import safe_open

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.backbones.family import closure_hash
from trajprobe.features import controls, networks
from trajprobe.features.device import device
from trajprobe.features.extraction import Job, ahead, extract
from trajprobe.features.files import folders, read
from trajprobe.features.rows import Backbone, Run, Untrained
from trajprobe.features.setting import Setting
from trajprobe.params import UserError
from trajprobe.stage import Compute
from trajprobe.storage import MANIFEST, Shards, ShardWriter
from trajprobe.videos import clips

ARCHITECTURE = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 1, "bits": 4}
ROW = {
    "family": "magvit2_tiny",
    "architecture": ARCHITECTURE,
    "clips": "small",
    "layer": "hidden",
    "pooling": "tmean",
}
VIDEO = np.random.default_rng(0).integers(0, 256, (10, 5, 16, 16, 3), dtype=np.uint8)
POINTS = np.random.default_rng(1).uniform(0, 15, (10, 5, 2))


def built(seed=0):
    torch.manual_seed(seed)
    return magvit2_tiny.build(msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture))


def written(folder, cuts, video=VIDEO):
    """Clips in shards that begin at 0 and at each of `cuts`."""
    writer = ShardWriter(folder, {"tracks": "t1", "scene": {}, "format": {"frames": video.shape[1], "size": 16}})
    points = np.resize(POINTS, (len(video), *POINTS.shape[1:]))
    for part, places in zip(np.split(video, cuts), np.split(points, cuts), strict=True):
        clips.add(writer, part, places)
    writer.close()
    return clips.Clips(folder)


def extracted(tmp_path, microbatch, cuts=(), network=None, video=VIDEO, **changed):
    name = f"{microbatch}-{cuts}"
    stored = written(tmp_path / "clips" / name, list(cuts), video)
    job = Job(network or built(), tmp_path / "out" / name, {"seed": 0})
    extract(setting(stored, microbatch, **changed), [job], 1, "a-row")
    return read(job.folder)[0]


def setting(stored, microbatch, **changed):
    return Setting(
        row=Untrained(**ROW | changed),
        name="a-row",
        family=magvit2_tiny,
        shape=msgspec.convert(ARCHITECTURE, magvit2_tiny.Architecture),
        clips=stored,
        run=Run(microbatch=microbatch, memory=1),
        compute=Compute(threads=2, instruction_set="native"),
        device=torch.device("cpu"),
    )


def direct(video=VIDEO):
    with torch.no_grad():
        hidden = built().eval().hidden(torch.from_numpy(video).permute(0, 4, 1, 2, 3) / 127.5 - 1)
    return hidden.mean(dim=(3, 4)).transpose(1, 2).numpy()


@pytest.mark.parametrize("microbatch", [1, 4, 5, 10, 16])
def test_features_are_the_networks_output_for_each_clip(tmp_path, microbatch):
    found = extracted(tmp_path, microbatch)
    assert found.shape == (10, 2, 8)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, direct(), atol=1e-5)


def test_a_padded_tail_is_what_the_same_clips_give_in_a_full_microbatch(tmp_path):
    padded = extracted(tmp_path / "padded", 4)
    full = extracted(tmp_path / "full", 4, video=np.concatenate([VIDEO, VIDEO[:2]]))
    np.testing.assert_array_equal(padded, full[:10])
    np.testing.assert_allclose(full[10:], padded[:2], atol=1e-5)


def test_the_network_sees_microbatches_of_one_size_alone(tmp_path):
    network, seen = built(), []
    network.trunk.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    extracted(tmp_path, 4, cuts=(5,), network=network)
    assert seen == [1, 4, 4, 4, 4, 4, 4]  # the first three time it


def test_features_do_not_depend_on_how_the_shards_are_cut(tmp_path):
    whole = extracted(tmp_path, 2)
    np.testing.assert_array_equal(extracted(tmp_path, 2, cuts=(4, 6)), whole)
    np.testing.assert_allclose(extracted(tmp_path, 2, cuts=(1, 6)), whole, atol=1e-5)


def test_several_networks_are_each_run_over_all_clips(tmp_path):
    stored = written(tmp_path / "clips", [6])
    jobs = (Job(built(seed), tmp_path / "out" / f"seed-{seed}", {"seed": seed}) for seed in (0, 1))
    told = extract(setting(stored, 5), jobs, 2, "a-row")
    assert told == "a-row: 2 networks, each 10 clips to 2 x 8 features (hidden, tmean)"
    (one, recipe), (other, _) = (read(tmp_path / "out" / f"seed-{seed}") for seed in (0, 1))
    np.testing.assert_allclose(one, direct(), atol=1e-5)
    assert np.abs(one - other).max() > 0.01
    assert recipe["weights"] == {"seed": 0}


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


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused_and_nothing_is_written(tmp_path, value):
    network = built()
    network.norm_out.bias.data[0] = value
    with pytest.raises(UserError, match="a-row: the network gave values that are not finite"):
        extracted(tmp_path, 4, network=network)
    assert list((tmp_path / "out").iterdir()) == []


def test_differences_of_a_single_token_step_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"nothing is left after pooling .*use `tmean`"):
        extracted(tmp_path, 4, video=VIDEO[:, :1], pooling="tdiff")


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


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with clips in two shards and the weights of seed 7."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    written(Path("data/clips/small"), [6])
    written(Path("data/clips/even"), [], VIDEO[:, :4])
    weights.save(Path("data/weights/w"), built(7), {"trained_frames": 17})


def pretrained(kind="pretrained", **changed):
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"} | changed), kind, "a-row")
    return read(Path("data/features") / kind / "a-row")


@pytest.mark.usefixtures("project")
def test_pretrained_features_come_from_the_weight_file_and_the_recipe_says_so():
    features, recipe = pretrained()
    other = Job(built(7), Path("direct"), {})
    stored = clips.Clips(Path("data/clips/small"))
    extract(setting(stored, 5), [other], 1, "x")
    np.testing.assert_array_equal(features, read(Path("direct"))[0])
    digest = hashlib.sha256(Path("data/weights/w/model.safetensors").read_bytes()).hexdigest()
    assert recipe["weights"] == {"name": "w", "sha256": digest, "trained_frames": 17}
    assert recipe["device"] == f"cpu-{torch.backends.cpu.get_cpu_capability().lower()}"
    assert recipe["code"] == closure_hash("trajprobe.backbones.magvit2_tiny")
    assert recipe["tracks"] == "t1"
    assert recipe["microbatch"] == 5
    assert recipe["compute"] == VALUES["compute"]
    assert recipe["clips"] == stored.meta
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
            told.append(json.loads(file.metadata()["meta"])["clips"])
    assert told == sources
    assert len(set(told)) == 2


@pytest.mark.usefixtures("project")
def test_other_weights_give_other_features_and_missing_ones_none():
    before = pretrained()
    weights.save(Path("data/weights/w"), built(8), {"trained_frames": 17})
    after = pretrained()
    assert np.abs(before[0] - after[0]).max() > 0.01
    assert before[1]["weights"]["sha256"] != after[1]["weights"]["sha256"]
    with pytest.raises(UserError, match=r"data/weights/absent/model\.safetensors: cannot be read"):
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
    assert measuring.getMessage() == "a-row: measuring how fast it runs here"
    assert record.getMessage().startswith("a-row: 10 clips of 0.0 GFLOP, 5 at once")


def test_a_microbatch_is_what_the_memory_has_room_for(tmp_path):
    stored = written(tmp_path, [])
    whole = setting(stored, 8)
    bound = dataclasses.replace(whole, run=Run(microbatch=8, memory=5 * whole.cost.memory / 2**30))
    assert (whole.microbatch, bound.microbatch) == (8, 4)


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


def test_items_are_made_ahead_in_their_order_and_an_error_arrives_in_its_place():
    made = []

    def items():
        for number in range(3):
            made.append(number)
            yield number
        raise ValueError("no fourth")

    taken = ahead(items())
    assert [next(taken), next(taken)] == [0, 1]
    assert next(taken) == 2
    assert made == [0, 1, 2]
    with pytest.raises(ValueError, match="no fourth"):
        next(taken)


def test_the_next_item_is_begun_before_it_is_asked_for():
    begun = threading.Event()

    def items():
        yield 0
        begun.set()
        yield 1

    taken = ahead(items())
    assert next(taken) == 0
    assert begun.wait(60)
    assert list(taken) == [1]


def test_manifests_tell_how_many_clips_there_are(tmp_path):
    extracted(tmp_path, 4, cuts=(7,))
    manifest = json.loads((tmp_path / "out" / "4-(7,)" / MANIFEST).read_text())
    assert [shard["items"] for shard in manifest["shards"]] == [7, 3]
