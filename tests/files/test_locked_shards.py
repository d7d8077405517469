"""Shards that dvc.lock names are taken from DVC's cache by their recipe, whoever made them, if they are whole."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trajprobe.files.locked_shards import LockedShards, cache_folder, with_machines
from trajprobe.files.shards import MANIFEST, Shards, ShardWriter, encode_shard
from trajprobe.files.store import Store, StoredShard

OUT = Path("data/features/net")
RECIPE = {"family": "net", "weights": {"seed": 0}, "microbatch": 4, "code": ["a", "b"], "device": "cpu-avx2"}
RECIPE |= {"torch": "2.11.0"}
SHARDS = [RECIPE | {"shard": name} for name in ("clips 0", "clips 1")]


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch, lock_output):
    """A repository whose dvc.lock names two shards that its cache holds; its workspace has none."""
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    Path(".dvc").mkdir()
    written(OUT / "random/0/plain/hidden.tmean", SHARDS)
    lock_output(OUT)
    shutil.rmtree(OUT)


def data_of(recipe):
    return encode_shard({"features": np.full((2, 3), len(recipe["shard"]), np.float32)}, recipe)


def written(folder, recipes):
    writer = ShardWriter(folder, {})
    for recipe in recipes:
        writer.add(data_of(recipe), 2)
    writer.close()


def taken(*recipes, out=OUT):
    """Which of some recipes are taken, and the shards."""
    shards = LockedShards(out).take({str(number): recipe for number, recipe in enumerate(recipes)}, Store.here())
    return {int(number): stored for number, stored in shards.items()}


def objects():
    """The cache's objects that are shards."""
    return [path for path in Path(".dvc/cache/files/md5").glob("*/*") if b'"meta"' in path.read_bytes()[:100]]


def test_shards_are_taken_by_their_recipe_and_put_into_the_store(store_folder):
    shards = taken(*SHARDS)
    assert list(shards) == [0, 1]
    for number, recipe in enumerate(SHARDS):
        assert shards[number].path.read_bytes() == data_of(recipe)
        assert Store(store_folder).get(Store.key(recipe)) == shards[number]


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"seed": 1}},
        {"microbatch": 5},
        {"code": ["a", "edited"]},
        {"shard": "clips 2"},
        {"perturbation": ["middle-frame", "c"]},
    ],
)
def test_a_shard_of_another_recipe_is_not_taken(change, store_folder):
    assert list(taken(SHARDS[0] | change, SHARDS[1])) == [1]
    assert len(list(Store(store_folder))) == 1


@pytest.mark.parametrize("change", [{"device": "cuda-sm_90"}, {"torch": "2.12.1"}])
def test_a_shard_that_another_machine_made_is_taken_and_stored_as_its_own(change, store_folder):
    asked = SHARDS[0] | change
    assert taken(asked)[0].path.read_bytes() == data_of(SHARDS[0])
    assert Store(store_folder).get(Store.key(asked)) is None
    assert Store(store_folder).get(Store.key(SHARDS[0])) is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data.replace(b"clips 0", b"clips 1"),
    ],
)
def test_a_damaged_object_is_not_taken(damage, store_folder):
    (path,) = (path for path in objects() if b"clips 0" in path.read_bytes())
    path.write_bytes(damage(path.read_bytes()))
    assert list(taken(SHARDS[0])) == []
    assert list(Store(store_folder)) == []


def test_what_is_not_in_the_cache_is_not_taken():
    (path,) = (path for path in objects() if b"clips 0" in path.read_bytes())
    path.unlink()
    assert list(taken(*SHARDS)) == [1]


@pytest.mark.parametrize("text", [None, "[", "{}", "[1]", '[{"md5": "abc"}]'])
def test_without_a_list_of_the_outputs_files_nothing_is_taken(text):
    (path,) = Path(".dvc/cache/files/md5").glob("*/*.dir")
    path.unlink()
    if text:
        path.write_text(text)
    assert taken(*SHARDS) == {}


def test_without_a_lock_nothing_is_taken():
    Path("dvc.lock").unlink()
    assert taken(*SHARDS) == {}


@pytest.mark.parametrize("name", ["data/features/ne", "data/features/net-2", "features/net", "data/features/.et"])
def test_shards_of_another_output_are_not_taken(name):
    assert taken(*SHARDS, out=Path(name)) == {}


def test_of_several_entries_of_an_output_all_shards_are_taken(lock_output):
    """Where the probe of a row has not run since its features, dvc.lock has two."""
    newer = [SHARDS[0] | {"weights": {"seed": seed}} for seed in (1, 2)]
    written(OUT / "random/1/plain/hidden.tmean", newer)
    lock_output(OUT)
    assert list(taken(*newer, *SHARDS)) == [0, 1, 2, 3]
    (path,) = (path for path in Path(".dvc/cache/files/md5").glob("*/*.dir") if b"random/0" in path.read_bytes())
    path.unlink()
    assert list(taken(*newer, *SHARDS)) == [0, 1]


def test_files_that_are_no_shards_are_passed_over(lock_output):
    (OUT / "random").mkdir(parents=True)
    (OUT / "random/weights.safetensors").write_bytes(b"no tensors")
    (OUT / "random" / MANIFEST).write_text("{}")
    written(OUT / "random/1", [SHARDS[0] | {"weights": {"seed": 1}}])
    lock_output(OUT)
    assert list(taken({}, SHARDS[0] | {"weights": {"seed": 1}})) == [1]


def test_nothing_is_read_where_nothing_is_asked_for(monkeypatch):
    monkeypatch.setattr("trajprobe.files.locked_shards.cache_folder", lambda: pytest.fail("was read"))
    assert LockedShards(OUT).take({}, Store.here()) == {}


def stored(number, **change):
    recipe = RECIPE | change | {"shard": str(number)}
    return Store.here().put(Store.key(recipe), encode_shard({}, recipe))


def test_the_recipe_of_a_folder_names_every_machine_that_made_its_shards():
    here, there = RECIPE["device"], "cuda-sm_90"
    pulled = [stored(number, device=there) for number in range(2)]
    for shards, device in ((2, there), (3, f"{here}, {there}")):
        recipe = with_machines(RECIPE, pulled, shards)
        assert recipe == RECIPE | {"device": device}
    assert with_machines(RECIPE, [], 3) == RECIPE
    recipe = with_machines(RECIPE, [stored(3, torch="2.12.1")], 2)
    assert (recipe["device"], recipe["torch"]) == (here, "2.11.0, 2.12.1")


def dvc(*arguments):
    """What a command of DVC prints in the working directory."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def configure(text, *path):
    place = Path(*path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


@pytest.mark.parametrize(
    "configured",
    [
        {},
        {".dvc/config": "[core]\n    analytics = false\n    autostage = true\n['remote \"x\"']\n    url = /dir\n"},
        {".dvc/config": "[cache]\n    type = copy\n    dir = ../shared\n", "dvc_global_config_dir/config": "[core]\n"},
        {".dvc/config": "[cache]\n    dir = /one\n", ".dvc/config.local": "[cache]\n    dir = ../../two words\n"},
        {".dvc/config": '[cache]\n    dir = "/quoted dir"\n'},
        {".dvc/config.local": "[cache]\n    dir = ~/cache\n"},
        {"dvc_global_config_dir/config": "[cache]\n    dir = users\n"},
        {
            "dvc_global_config_dir/config": "[core]\n    analytics = false\n",
            "dvc_system_config_dir/config": "[cache]\n    dir = /all\n",
        },
    ],
)
def test_the_cache_is_where_dvc_says_it_is(configured):
    dvc("init", "--no-scm", "--quiet", "--force")
    for place, text in configured.items():
        configure(text, place)
    assert str(cache_folder().resolve()) == dvc("cache", "dir")


def test_a_configuration_that_can_not_be_read_is_passed_over():
    configure("dir = /nowhere\n", ".dvc/config.local")
    configure("[cache]\n    dir = /somewhere\n", ".dvc/config")
    assert cache_folder() == Path("/somewhere")


def test_a_cache_elsewhere_is_read(tmp_path):
    Path(".dvc/cache").rename(tmp_path / "elsewhere")
    assert taken(*SHARDS) == {}
    configure("[cache]\n    dir = ../elsewhere\n", ".dvc/config.local")
    assert list(taken(*SHARDS)) == [0, 1]


def test_what_dvc_itself_commits_is_taken():
    shutil.rmtree(".dvc")
    Path("dvc.lock").unlink()
    dvc("init", "--no-scm", "--quiet")
    Path("dvc.yaml").write_text(json.dumps({"stages": {"features": {"cmd": "true", "outs": [OUT.as_posix()]}}}))
    written(OUT / "random/0/plain/hidden.tmean", SHARDS)
    dvc("commit", "--force", "--quiet", "features")
    assert len(Shards(OUT / "random/0/plain/hidden.tmean")) == 4
    shutil.rmtree(OUT)
    shards = taken(*SHARDS)
    assert [stored.path.read_bytes() for stored in shards.values()] == [data_of(recipe) for recipe in SHARDS]
    assert isinstance(shards[0], StoredShard)
