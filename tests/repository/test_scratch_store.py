"""The scratch store is described, pruned and verified."""

import os
import time
from datetime import UTC, datetime

import pytest

from trajprobe.files.shards import encode_shard
from trajprobe.files.store import Store
from trajprobe.files.temporary import temporary_path
from trajprobe.repository.scratch_store import describe_store, prune_store, store_facts, verify_store

FORM = {"scene": {}, "format": {"frames": 5, "resolution": 64}}
FEATURES = {"family": "videogpt", "layer": "codes", "pooling": "tmean", "device": "cpu-avx2", "clips": FORM}

OLD = FEATURES | {"weights": {"seed": 3}, "pooling": None}


@pytest.fixture
def store(store_folder):
    """A store with clips last used 20 days ago, two new shards of features, and one of a seed last used 40 days ago."""
    store = Store(store_folder)
    os.utime(put(store, FORM), (0, time.time() - 20.5 * 86400))
    for number in (1, 2):
        put(store, FEATURES | {"weights": {"name": "mine"}, "number": number})
    os.utime(put(store, OLD), (0, time.time() - 40.5 * 86400))
    return store


def put(store, recipe):
    return store.put(Store.key(recipe), encode_shard({}, recipe)).path


def described():
    """The lines that describe the store, each in single spaces."""
    lines = []
    for part in describe_store(store_facts()):
        lines += [part] if isinstance(part, str) else part.plain()
    return [" ".join(line.split()) for line in lines]


def test_each_recipe_and_the_total_are_described(store):
    lines = described()
    assert lines[0] == "MB SHARDS USED RECIPE"
    assert len(lines) == 5
    assert "0.0 2 today videogpt mine, codes tmean, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 1 40 days ago videogpt seed 3, codes not pooled, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 1 20 days ago clips of 5 x 64 x 64" in lines
    assert lines[-1] == f"{store.folder}: 4 shards, 0.0 MB"


def test_a_script_gets_bytes_and_times(store):
    of = store_facts()
    paths = list(store)
    assert of["bytes"] == sum(each["bytes"] for each in of["recipes"]) == sum(path.stat().st_size for path in paths)
    assert (of["folder"], of["shards"], of["unfinished"]) == (str(store.folder), 4, {"bytes": 0, "files": 0})
    (clips,) = [each for each in of["recipes"] if each["recipe"] == "clips of 5 x 64 x 64"]
    assert clips["days_ago"] == 20
    used = datetime.fromisoformat(clips["last_used"])
    assert 20.4 < (datetime.now(UTC) - used).total_seconds() / 86400 < 20.6
    assert [each["bytes"] for each in of["recipes"]] == sorted((each["bytes"] for each in of["recipes"]), reverse=True)


def test_an_empty_store_is_described_in_a_line(store_folder):
    assert described() == [f"{store_folder}: 0 shards, 0.0 MB"]


@pytest.mark.parametrize("data", [b"no tensors", encode_shard({}, {"format": {"frames": 5, "size": 64}})])
def test_damaged_and_older_shards_are_described_as_such(store, data):
    path = next(iter(store))
    path.chmod(0o644)
    path.write_bytes(data)
    assert "damaged, or of an older version" in " ".join(described())


def test_prune_deletes_only_old_shards(store):
    assert prune_store(30) == f"{store.folder}: 1 shards deleted, 0.0 MB freed"
    assert len(list(store)) == 3
    assert store.get(Store.key(OLD)) is None
    assert prune_store(0).startswith(f"{store.folder}: 3 shards deleted")
    assert list(store) == []


def test_unfinished_files_of_running_runs_are_counted(store):
    assert "unfinished" not in " ".join(described())
    for path in (next(iter(store)), store.subfolder("attempts") / ("a" * 32)):
        temporary_path(path).write_bytes(bytes(1_000_000))
    assert described()[-2].startswith("2 unfinished files, 2.0 MB, of runs that go on")
    assert store_facts()["unfinished"] == {"bytes": 2_000_000, "files": 2}


def test_prune_reports_what_is_freed_and_what_has_links(store, tmp_path):
    big = store.put("d4" * 16, bytes(3_000_000)).path
    store.put("d5" * 16, bytes(2_000_000))
    (tmp_path / "linked").hardlink_to(big)
    assert "6 shards deleted, 2.0 MB freed; 3.0 MB stay on disk, since they have links elsewhere" in prune_store(0)
    assert (tmp_path / "linked").stat().st_size == 3_000_000


def test_verify_deletes_a_damaged_shard(store):
    path = next(iter(store))
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    lines = []
    assert verify_store(lines.append) == f"{store.folder}: 3 shards are intact"
    assert lines == [f"{path}: its bytes are not those that were written; deleted; a run makes it again"]
    assert len(list(store)) == 3


def test_verify_deletes_a_shard_under_the_key_of_another_one(store):
    """Seed 0's shard under seed 1's key, as a copy or a rename by hand leaves it."""
    path, key = put(store, OLD), Store.key(OLD | {"weights": {"seed": 1}})
    moved = store.subfolder(key[:2]) / f"{key}{path.name[32:]}"
    path.rename(moved)
    lines = []
    assert verify_store(lines.append) == f"{store.folder}: 3 shards are intact"
    assert lines == [f"{moved}: its recipe is not that of its key; deleted; a run makes it again"]
    assert not moved.exists()


def test_no_command_deletes_files_of_the_users(store):
    """A published checkpoint in a folder like one of the store's, and notes, at whatever age."""
    own = [store.folder / "ab" / name for name in ("model-00001-of-00002.safetensors", ".notes.tmp")]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"the user's")
        os.utime(path, (0, 0))
    described()
    verify_store(lambda line: None)
    prune_store(0)
    assert [path.read_bytes() for path in own] == [b"the user's"] * 2
