"""VideoGPT in the pipeline, at tiny width: from a Lightning checkpoint to the table, pretrained and random."""

import json
import shutil
from pathlib import Path

import pytest

from trajprobe.check import check
from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json

CHECKPOINT = Path(__file__).parents[1] / "published/videogpt_checkpoint.py"
SHAPE = {
    "n_hiddens": 16,
    "n_res_layers": 2,
    "embedding_dim": 8,
    "n_codes": 32,
    "downsample": [4, 2, 2],
    "resolution": 16,
}
FORMAT = {"frames": 8, "resolution": 16}
ROW = {"family": "videogpt", "architecture": SHAPE, "clips": "t8", "layer": "latents", "weights": "videogpt"}
BARE = ROW | {"weights": "random", "like": "bare"}


@pytest.fixture(scope="module")
def added(reproduced, tmp_path_factory):
    """A repository with VideoGPT's weights, as the command line takes them."""
    clone = reproduced.clone(tmp_path_factory.mktemp("videogpt") / "added", reproduced.cache)
    clone.run("python", str(CHECKPOINT), "vqvae.ckpt")
    status, told = clone.trajprobe("weights", "add", "videogpt", "--from", "vqvae.ckpt")
    assert status == 0, told
    (clone.folder / "vqvae.ckpt").unlink()
    clone.commit("VideoGPT")
    return clone


@pytest.fixture
def with_weights(added, reproduced, tmp_path):
    """A clone of it."""
    clone = added.clone(tmp_path / "clone", reproduced.cache)
    clone.set(FORMAT, "clips", "t8")
    return clone


def test_rows_of_a_checkpoint_run_to_the_table(with_weights):
    clone, before = with_weights, with_weights.summary()
    clone.set(ROW | {"like": "videogpt"}, "rows", "videogpt")
    clone.set(ROW | {"like": "videogpt-codes", "layer": "codes"}, "rows", "videogpt-codes")
    clone.set(BARE | {"layer": "histogram"}, "rows", "bare")
    assert clone.check() is None
    ran = clone.repro()
    assert ran == {
        "check",
        "render@t8",
        *(
            f"{stage}@{row}"
            for row in ("videogpt", "videogpt-codes", "bare")
            for stage in ("features", "probe", "pictures")
        ),
        "compare",
        "report",
    }
    summary = clone.summary()
    for row in ("videogpt", "videogpt-codes"):
        assert {"accuracy", "random", "gain"} <= summary[row].keys()
    assert {"accuracy", "difference"} <= summary["bare"].keys()
    for key in ("accuracy", "random"):  # its gain is in a larger family now
        assert summary["magvit2-tiny"][key] == before["magvit2-tiny"][key]
    table = (clone.folder / "data/report/table.md").read_text()
    assert "its weights were trained on" not in table  # 8 frames are what they were trained on
    assert "| bare | random, 2 seeds | plain | histogram.tmean, 2 x 32 |" in table
    manifest = json.loads(
        (clone.folder / "data/features/videogpt/pretrained/plain/latents.tmean/manifest.json").read_text()
    )
    digest = read_checked_json(clone.folder / "data/weights/videogpt/provenance.json")["sha256"]
    assert manifest["meta"]["weights"] == {"name": "videogpt", "sha256": digest, "trained_frames": 8}
    assert clone.repro() == set()


def test_a_random_codebook_is_as_random_networks_make_it_not_one_code_for_all(with_weights):
    """Codes drawn without a look at the latents would be the same for all clips, and any gain would be a sham."""
    clone = with_weights
    clone.set(BARE | {"layer": "codes", "pooling": "flatten"}, "rows", "bare")
    clone.run("dvc", "repro", "features@bare")
    code = (
        "import numpy, trajprobe; f = trajprobe.load_features('bare').features; "
        "print(len(numpy.unique(f.reshape(len(f), -1).round(6), axis=0)))"
    )
    clone.run("dvc", "repro", "prepare")
    assert int(clone.run("python", "-c", "import sys; sys.path.insert(0, 'src'); " + code)) > 50


def test_a_row_with_other_strides_than_its_weights_is_refused(with_weights):
    clone = with_weights
    wrong = ROW | {"like": "videogpt", "architecture": SHAPE | {"downsample": [4, 4, 4]}}
    clone.set(wrong, "rows", "videogpt")
    words = "videogpt.architecture`: got downsample [4, 4, 4], expected downsample [4, 2, 2], which the weights of"
    assert words in clone.check()
    assert words in clone.run("dvc", "repro", "features@videogpt", fails=True)
    assert not (clone.folder / "data/features/videogpt").exists()


def test_weights_that_only_dvc_knows_of_are_told_before_the_run(with_weights):
    clone = with_weights
    clone.set(ROW | {"like": "videogpt"}, "rows", "videogpt")
    shutil.rmtree(clone.folder / "data/weights/videogpt")
    assert "`rows.videogpt.weights`: data/weights/videogpt is not here, only data/weights/videogpt.dvc" in clone.check()
    clone.run("dvc", "checkout", "data/weights/videogpt.dvc")
    assert clone.check() is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"clips": "t17"}, "`rows.bare.clips`: got clips of 9 frames, expected a multiple of 4; choose or add"),
        ({"layer": "codes", "precision": "bfloat16"}, "`rows.bare.precision`: got `bfloat16`, expected float32"),
        ({"architecture": {"downsample": [4, 3, 4]}}, "expected three powers of 2, the greatest at least 4; the valid"),
        ({"architecture": {"resolution": 50}}, "`rows.bare.architecture`: got resolution 50, expected a multiple"),
        ({"architecture": {"n_hidden": 240}}, "unknown key `n_hidden`; the valid keys are n_hiddens, n_res_layers"),
    ],
)
def test_rows_that_will_not_do_are_refused_before_the_run(reproduced, monkeypatch, changed, words):
    monkeypatch.chdir(reproduced.folder)
    values = reproduced.params()
    values["clips"] |= {"t8": FORMAT}
    values["rows"]["bare"] = BARE | changed
    with pytest.raises(UserError) as caught:
        check(values)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
