"""A row takes shards from DVC's cache before it computes: what another run, or another machine, made of its recipe."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small import VIDEO, files, place, values, written

from trajprobe.features.extract import extract
from trajprobe.files.feature_shards import FEATURES, read
from trajprobe.files.store import Store

pytestmark = pytest.mark.usefixtures("project")
OUT = FEATURES / "net"
CLIPS = 12  #: of one network, 6 and 4 in microbatches of 4


@pytest.fixture
def pulled(monkeypatch, tmp_path, encoded, lock_output):
    """The features of a row of two seeds in DVC's cache, none in the workspace, and an empty store; returns them."""

    def make(row="net", **changes):
        extract(values(**changes), row)
        features = files(FEATURES / row)
        lock_output(FEATURES / row)
        shutil.rmtree(FEATURES / row)
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "empty"))
        encoded()
        return features

    return make


def run(row="net", **changes):
    extract(values(**changes), row)
    return files(FEATURES / row)


def test_a_row_that_goes_from_two_to_three_seeds_computes_the_third(pulled, encoded):
    before = pulled()
    after = run(seeds=3)
    assert encoded() == CLIPS
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {
        f"random/2/plain/hidden.tmean/{name}" for name in ("00000.safetensors", "00001.safetensors", "manifest.json")
    }
    extract(values(seeds=3), "net")
    assert encoded() == 0  # what was taken is in the store


def test_a_row_that_gains_a_perturbation_computes_that(pulled, encoded):
    before = pulled()
    after = run(perturbations=["middle-frame"])
    assert encoded() == CLIPS
    assert {name: after[name] for name in before} == before


def test_more_clips_cost_the_shards_that_are_new(pulled, encoded):
    before = pulled("trained")
    written(Path("data/clips/small"), [6, 10], np.concatenate([VIDEO, VIDEO[:3]]))
    after = run("trained")
    assert encoded() == 4
    for name in ("00000.safetensors", "00001.safetensors"):
        path = f"pretrained/plain/hidden.tmean/{name}"
        assert after[path] == before[path]


@pytest.mark.parametrize("changes", [{"microbatch": 5}, {"pooling": "mean"}, {"layer": "latents"}])
def test_shards_of_another_recipe_are_not_taken(pulled, encoded, changes):
    pulled()
    run(**changes)
    assert encoded() >= 3 * 10


def test_shards_of_other_code_are_not_taken(pulled, encoded, monkeypatch):
    pulled()
    monkeypatch.setattr("trajprobe.features.plan.code_hash", lambda _: "edited")
    run()
    assert encoded() == 3 * CLIPS


def test_shards_of_another_row_are_not_looked_for(pulled, encoded):
    pulled("trained")
    run("net")
    assert encoded() == 3 * CLIPS


def test_shards_that_another_device_made_are_taken_and_the_folder_says_so(pulled, encoded, monkeypatch, store_folder):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("trajprobe.features.plan.device_kind", lambda _: "cuda-sm_90")
        elsewhere.setattr("torch.__version__", "9.9.9")
        before = pulled()
    after = run(seeds=3)
    assert encoded() == CLIPS
    assert {name: after[name] for name in before} == before  # the manifests too
    devices = [read(place("net", f"random/{seed}"))[1]["device"] for seed in range(3)]
    assert devices[:2] == ["cuda-sm_90", "cuda-sm_90"]
    assert devices[2].startswith("cpu-")
    assert read(place("net", "random/0"))[1]["torch"] == "9.9.9"


def test_a_folder_of_shards_of_two_devices_names_both(pulled, encoded, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("trajprobe.features.plan.device_kind", lambda _: "cuda-sm_90")
        pulled("trained")
    written(Path("data/clips/small"), [6, 10], np.concatenate([VIDEO, VIDEO[:3]]))
    run("trained")
    assert encoded() == 4
    here, there = read(place("trained"))[1]["device"].split(", ")
    assert here.startswith("cpu-")
    assert there == "cuda-sm_90"


def test_a_damaged_object_is_not_taken_and_made_again(pulled, encoded):
    before = pulled()
    name = "random/1/plain/hidden.tmean/00001.safetensors"
    (path,) = (path for path in Path(".dvc/cache").rglob("*") if path.is_file() and path.read_bytes() == before[name])
    path.write_bytes(before[name][:-1] + bytes([before[name][-1] ^ 1]))
    assert run() == before
    assert encoded() == 4
    assert len(list(Store.here())) == 6


def test_a_cache_that_the_configuration_names_is_read(pulled, encoded, tmp_path):
    before = pulled()
    Path(".dvc/cache").rename(tmp_path / "shared")
    Path(".dvc/config.local").write_text("[cache]\n    dir = ../shared\n")
    assert run() == before
    assert encoded() == 0


def test_what_is_taken_is_no_part_of_the_forecast(pulled, caplog):
    pulled()
    with caplog.at_level("INFO", "trajprobe"):
        run(seeds=4)
    measured = [message for message in caplog.messages if "measuring" in message]
    assert measured == ["net random/2 hidden.tmean: measuring how fast it runs"]
