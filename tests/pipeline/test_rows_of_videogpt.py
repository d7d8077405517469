"""VideoGPT in the pipeline, at tiny width: from a Lightning checkpoint to the table, pretrained and random."""

import json
import shutil
from pathlib import Path

import in_process
import numpy as np
import pytest

from trajprobe.check import check
from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json
from trajprobe.files.feature_shards import load_features
from trajprobe.published.add_weights import add_weights

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


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """With 60 tracks, and VideoGPT's weights, taken from a checkpoint and added to DVC."""
    made = in_process.begin_with_dvc(tmp_path, monkeypatch)
    made.run("python", str(CHECKPOINT), "vqvae.ckpt")
    add_weights("videogpt", Path("vqvae.ckpt"), raw=False, replace=False, report_progress=print)
    in_process.write_tracks(*in_process.right_or_left(60))
    return made


def write_rows(rows):
    in_process.write(in_process.parameters("mine", [], rows, clips={"t8": FORMAT}))


def test_rows_of_a_checkpoint_run_to_the_table(repository):
    rows = {
        "videogpt": ROW | {"like": "videogpt"},
        "videogpt-codes": ROW | {"like": "videogpt-codes", "layer": "codes"},
        "bare": BARE | {"layer": "histogram"},
    }
    write_rows(rows)
    assert in_process.refusal() is None
    in_process.details_of_all_stages()
    in_process.pictures_and_page()
    summary = in_process.summary(repository.folder)
    for row in ("videogpt", "videogpt-codes"):
        assert {"accuracy", "random", "gain"} <= summary[row].keys()
    assert {"accuracy", "difference"} <= summary["bare"].keys()
    table = Path("data/report/table.md").read_text()
    assert "its weights were trained on" not in table  # 8 frames are what they were trained on
    assert "| bare | random, 2 seeds | plain | histogram.tmean, 2 x 32 |" in table
    manifest = json.loads(Path("data/features/videogpt/pretrained/plain/latents.tmean/manifest.json").read_text())
    digest = read_checked_json(Path("data/weights/videogpt/provenance.json"))["sha256"]
    assert manifest["meta"]["weights"] == {"name": "videogpt", "sha256": digest, "trained_frames": 8}


def test_a_random_codebook_is_as_random_networks_make_it_not_one_code_for_all(tmp_path, monkeypatch):
    """Codes drawn without a look at the latents would be the same for all clips, and any gain would be a sham."""
    in_process.begin(tmp_path, monkeypatch)
    tracks = np.random.default_rng(0).normal(size=(60, 17, 2)).cumsum(axis=1)
    in_process.write_tracks(tracks, np.arange(60) % 2)
    write_rows({"bare": BARE | {"layer": "codes", "pooling": "flatten"}})
    in_process.prepare()
    in_process.stage("render", "t8")
    in_process.stage("features", "bare")
    features = load_features("bare").features
    assert len(np.unique(features.reshape(len(features), -1).round(6), axis=0)) > 50


def test_a_row_with_other_strides_than_its_weights_is_refused(repository):
    write_rows({"videogpt": ROW | {"like": "videogpt", "architecture": SHAPE | {"downsample": [4, 4, 4]}}})
    words = "videogpt.architecture`: got downsample [4, 4, 4], expected downsample [4, 2, 2], which the weights of"
    assert words in in_process.refusal()
    in_process.prepare()
    in_process.stage("render", "t8")
    with pytest.raises(UserError) as caught:
        in_process.stage("features", "videogpt")
    assert words in str(caught.value)
    assert not Path("data/features/videogpt").exists()


def test_weights_that_only_dvc_knows_of_are_told_before_the_run(repository):
    write_rows({"videogpt": ROW | {"like": "videogpt"}})
    shutil.rmtree("data/weights/videogpt")
    refusal = in_process.refusal()
    assert (
        "`rows.videogpt.weights`: data/weights/videogpt is not here; run `dvc checkout data/weights/videogpt`, or"
        in refusal
    )
    repository.run("dvc", "checkout", "data/weights/videogpt.dvc")
    assert in_process.refusal() is None


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
