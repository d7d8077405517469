"""A row is checked before anything runs, and its recipe has all that determines a feature's bytes, and nothing else."""

import json
import pickle
import tracemalloc
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from small import ARCHITECTURE, COMPUTE, VIDEO, maker, values, written

from trajprobe.errors import UserError
from trajprobe.features.plan import Plan
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import Coordinates
from trajprobe.files.video_shards import Clips
from trajprobe.rows import named_row

pytestmark = pytest.mark.usefixtures("project")
OF = Coordinates("net", "pretrained", "plain", "hidden.tmean")
VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
PIXELS = {"resize": 32, "resample": "bilinear", "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
CLIP = {
    "family": "huggingface",
    "architecture": {"model": "CLIPVisionModel", "config": VISION | {"image_size": 32, "patch_size": 16}} | PIXELS,
    "layer": "last",
}
VIDEOGPT = {
    "family": "videogpt",
    "architecture": {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16},
    "clips": "even",
    "layer": "codes",
}


def recipe_of(plan, of, source):
    """Of the only view."""
    return plan.recipe(of.network, of.input, *plan.row.views, source)


def plan(**changes):
    return Plan.of(values(**changes), "net")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": "middle"}, "layer`: got `middle`, expected one of hidden, latents, codes, histogram"),
        ({"layer": None}, "layer`: got `nothing`, expected one of hidden, latents, codes, histogram"),
        ({"layer": 0}, "layer`: got `0`, expected one of hidden, latents, codes, histogram"),
        (CLIP | {"layer": 3}, "layer`: got `3`, expected one of last, or a number from 0 to 2"),
        (CLIP | {"layer": -1}, "layer`: got `-1`, expected one of last, or a number from 0 to 2"),
        ({"pooling": "max"}, "pooling`: got `max`, expected one of tmean, tdiff, mean, flatten"),
        ({"pooling": "cls"}, "pooling`: got `cls`, expected one of tmean, tdiff, mean, flatten"),
        (CLIP | {"layer": 2, "pooling": "pooler"}, "`rows.net`: got pooling pooler of layer 2, expected `last`"),
        (CLIP | {"pooling": "max"}, "got `max`, expected one of tmean, tdiff, mean, flatten, cls, pooler"),
        ({"precision": "bfloat16", "layer": "codes"}, "precision`: got `bfloat16`, expected float32: `codes` is made"),
        ({"precision": "bfloat16", "layer": "histogram"}, "expected float32: `histogram` is made of codes"),
        ({"precision": "tf32", "layer": "codes"}, "got `tf32`, expected float32: `codes` is made of codes"),
        ({"precision": "float16"}, "precision`: Invalid enum value 'float16'"),
        (
            {"perturbations": ["middle-frame", "reversed"]},
            "perturbations`: got `reversed`, expected some of shuffled-frames, middle-frame, clutter, "
            "permuted-weights; "
            "`features.arrow_of_time: all` plays clips backwards",
        ),
        ({"perturbations": ["plain"]}, "perturbations`: got `plain`, expected some of shuffled-frames, middle-frame"),
        (
            {"perturbations": ["permuted-weights"], "weights": "random"},
            "perturbations`: got `permuted-weights`, expected some of shuffled-frames, middle-frame",
        ),
        ({"clips": "none"}, "data/clips/none: is missing; `dvc repro render@none` renders it"),
        (
            {"family": "open_magvit2", "architecture": {}, "clips": "even"},
            "clips`: got clips of 4 frames, expected 4k + 1: 1, 5, 9, ...; choose or add another format of `clips`",
        ),
        (VIDEOGPT | {"clips": "small"}, "clips`: got clips of 5 frames, expected a multiple of 4"),
        ({"architecture": ARCHITECTURE | {"bit": 4}}, "architecture`: unknown key `bit`; the valid keys are channels"),
        ({"options": {"dimensions": 3}}, "options`: got it for magvit2_tiny, which has a network; leave it out"),
        ({"family": "pixels"}, "weights`: got w, expected none: pixels has no network"),
    ],
)
def test_a_row_that_does_not_go_together_is_refused(changes, message):
    with pytest.raises(UserError) as caught:
        plan(**changes)
    assert message in str(caught.value)
    assert "net" in str(caught.value) or "data/clips" in str(caught.value)
    assert not Path("data/features").exists()


def test_differences_of_a_single_token_step_are_refused():
    written(Path("data/clips/frame"), [], VIDEO[:, :1])
    message = (
        r"`rows\.net\.pooling`: got tdiff, which leaves features of shape \(0, 8\) of layer hidden: .* "
        r"one token step; use `tmean`"
    )
    with pytest.raises(UserError, match=message):
        plan(clips="frame", pooling="tdiff")


@pytest.mark.parametrize(
    "changes",
    [
        CLIP | {"layer": 0},
        CLIP | {"layer": 2, "pooling": "cls"},
        CLIP | {"layer": "last", "pooling": "pooler"},
        VIDEOGPT,
        {"perturbations": ["shuffled-frames", "middle-frame", "permuted-weights"]},
        {"perturbations": ["shuffled-frames", "middle-frame"], "weights": "random"},
        {"precision": "bfloat16", "layer": "latents"},
        {"pooling": "tdiff"},
    ],
)
def test_a_row_that_goes_together_is_taken(changes):
    assert plan(**changes).row.layer == changes.get("layer", "hidden")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:99"])
def test_a_device_that_this_machine_lacks_is_refused(monkeypatch, name):
    monkeypatch.setenv("TRAJPROBE_DEVICE", name)
    with pytest.raises(UserError, match=f"TRAJPROBE_DEVICE: got '{name}', expected cpu or a device of this machine"):
        _ = plan().device


@pytest.mark.parametrize(("gpus", "devices"), [(0, "000"), (1, "000"), (2, "010")])
def test_workers_have_a_gpu_of_their_own_as_long_as_there_are_as_many(monkeypatch, gpus, devices):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.setenv("TRAJPROBE_DEVICE", "cuda")
    for worker, device in enumerate(devices):
        monkeypatch.setenv("TRAJPROBE_WORKER", str(worker))
        with pytest.raises(UserError, match=f"TRAJPROBE_DEVICE: got 'cuda:{device}'"):  # there is none here
            _ = plan().device


def test_without_the_variable_networks_run_on_the_cpu():
    assert plan().device == torch.device("cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda:99"])
def test_tf32_is_refused_where_a_network_runs_and_not_before(monkeypatch, device):
    """The machine that deals out the work may have neither a GPU nor the device that the variable names."""
    flags = torch.backends.cudnn, torch.backends.cuda.matmul
    maker()
    monkeypatch.setenv("TRAJPROBE_DEVICE", device)
    of = plan(precision="tf32")
    reason = "`rows.net.precision`: got tf32 on cpu, expected an NVIDIA GPU; use float32 or set TRAJPROBE_DEVICE=cuda"
    message = reason if device == "cpu" else "TRAJPROBE_DEVICE: got 'cuda:99'"
    with pytest.raises(UserError, match=message):
        _ = of.device
    with pytest.raises(UserError, match=message.replace("net", "trained")):
        maker(precision="tf32")
    assert not any(each.allow_tf32 for each in flags)


def test_a_plan_is_sent_without_its_device_and_what_it_has_counted():
    of = plan()
    assert (of.device.type, of.microbatch, of.cost.shapes) == ("cpu", 4, ((2, 8),))
    copy = pickle.loads(pickle.dumps(of))
    assert set(vars(copy)) == {"name", "row", "architecture", "clips", "run", "compute"}
    assert recipe_of(copy, OF, {}) == recipe_of(of, OF, {})


def test_a_microbatch_is_what_the_memory_has_room_for():
    of = plan(microbatch=8)
    assert (of.microbatch, plan(microbatch=8, memory=5 * of.cost.memory / 2**30).microbatch) == (8, 4)
    assert plan(microbatch=16).microbatch == 10  # of ten clips


def test_a_recipe_says_what_features_are_made_of():
    recipe = json.loads(json.dumps(recipe_of(plan(microbatch=5), OF, {"name": "w"})))
    assert recipe["device"] == f"cpu-{torch.backends.cpu.get_cpu_capability().lower()}"
    assert recipe["torch"] in torch.__version__
    assert recipe["code"] == [code_hash("trajprobe.backbones.magvit2_tiny"), code_hash("trajprobe.features.tokens")]
    others = {key: value for key, value in recipe.items() if key not in ("device", "torch", "code")}
    assert others == {
        "family": "magvit2_tiny",
        "architecture": ARCHITECTURE,
        "layer": "hidden",
        "pooling": "tmean",
        "precision": "float32",
        "weights": {"name": "w"},
        "clips": {"scene": {}, "format": {"frames": 5, "resolution": 16}},
        "microbatch": 5,
        "compute": COMPUTE,
        "packages": {},
    }


def test_the_defaults_of_an_architecture_stand_in_a_recipe():
    recipe = recipe_of(plan(architecture={"channels": 4}), OF, {})
    assert recipe["architecture"] == {"channels": 4, "multipliers": (1, 2, 4), "residual_blocks": 1, "bits": 18}


def test_the_versions_of_what_else_a_network_is_made_of_stand_in_a_recipe():
    assert recipe_of(plan(**CLIP), OF, {})["packages"] == {"transformers": version("transformers")}


@pytest.mark.parametrize(
    "changes",
    [
        {"microbatch": 5},
        {"compute": COMPUTE | {"threads": 1}},
        {"compute": COMPUTE | {"instruction_set": "avx2"}},
        {"layer": "latents"},
        {"pooling": "mean"},
        {"precision": "bfloat16"},
        {"clips": "even"},
        {"architecture": ARCHITECTURE | {"bits": 5}},
    ],
)
def test_what_changes_a_features_bytes_changes_its_recipe(changes):
    assert recipe_of(plan(**changes), OF, {}) != recipe_of(plan(), OF, {})


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("trajprobe.features.plan.device_kind", lambda _: "cuda-sm_90"),
        ("trajprobe.features.plan.code_hash", lambda _: "edited"),
        ("torch.__version__", "9.9.9"),
    ],
)
def test_another_device_kind_code_or_torch_is_another_recipe(monkeypatch, where, what):
    before = recipe_of(plan(), OF, {})
    monkeypatch.setattr(where, what)
    assert recipe_of(plan(), OF, {}) != before


def test_another_build_of_the_same_torch_is_the_same_recipe(monkeypatch):
    before = recipe_of(plan(), OF, {})
    monkeypatch.setattr("torch.__version__", f"{before['torch']}+cu128")
    assert recipe_of(plan(), OF, {}) == before


def test_what_changes_no_byte_changes_no_recipe():
    before = recipe_of(plan(), OF, {})
    for changes in (
        {"seeds": 5},
        {"memory": 2},
        {"weights": "random"},
        {"against": "trained"},
        {"perturbations": ["middle-frame"]},
    ):
        assert recipe_of(plan(**changes), OF, {}) == before
    assert recipe_of(Plan.of(values(), "trained"), OF._replace(row="trained"), {}) == before
    assert recipe_of(plan(), OF._replace(network="random/3"), {}) == before
    written(Path("data/clips/small"), [6, 10, 15], np.concatenate([VIDEO, VIDEO]))
    assert recipe_of(plan(), OF, {}) == before


def test_a_perturbation_stands_in_a_recipe_with_its_code_and_changes_nothing_else():
    before = recipe_of(plan(), OF, {})
    code = code_hash("trajprobe.features.perturbations")
    for of, name in (
        (OF._replace(input="shuffled-frames"), "shuffled-frames"),
        (OF._replace(input="middle-frame"), "middle-frame"),
        (OF._replace(network="random/0", input="reversed"), "reversed"),
        (OF._replace(network="permuted-weights"), "permuted-weights"),
        (OF._replace(network="random/0", input="middle-frame"), "middle-frame"),
    ):
        assert recipe_of(plan(), of, {}) == before | {"perturbation": [name, code]}


def numbered(count, side=16):
    """Clips of 4 frames, each filled with its number."""
    return np.arange(count, dtype=np.uint8)[:, None, None, None, None] * np.ones((1, 4, side, side, 3), np.uint8)


@pytest.mark.parametrize(("count", "step"), [(1, 1), (7, 1), (8, 1), (9, 2), (16, 2), (17, 3), (20, 3)])
def test_the_sample_is_of_eight_clips_at_most_from_all_over_the_set(count, step):
    written(Path("data/clips/numbered"), list(range(1, count, 4)), numbered(count))
    sample = plan(**VIDEOGPT | {"clips": "numbered"}).sample
    assert sample[:, 0, 0, 0, 0].tolist() == list(range(0, count, step))
    assert sample.shape[1:] == (4, 16, 16, 3)


def test_the_sample_holds_a_shard_at_a_time():
    video = numbered(160, side=64)
    written(Path("data/clips/wide"), list(range(10, 160, 10)), video)
    of = plan(**VIDEOGPT | {"clips": "wide"})
    tracemalloc.start()
    assert len(of.sample) == 8
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < video.nbytes / 2


def test_a_plan_has_its_rows_clips():
    of = plan()
    assert of.row == named_row(values(), "net")
    assert of.clips.shards == Clips(Path("data/clips/small")).shards
