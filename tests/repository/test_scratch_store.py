"""The scratch store is described, pruned and verified."""

import os
import time

import pytest

from trajprobe.files.shards import encode_shard
from trajprobe.files.store import Store
from trajprobe.repository.scratch_store import describe_store, prune_store, verify_store

FORM = {"scene": {}, "format": {"frames": 5, "resolution": 64}}
FEATURES = {"family": "videogpt", "layer": "codes", "pooling": "tmean", "device": "cpu-avx2", "clips": FORM}


@pytest.fixture
def store(store_folder):
    """A store with clips last used 20 days ago, two new shards of features, and one of a seed last used 40 days ago."""
    store = Store(store_folder)
    os.utime(store.put("a0", encode_shard({}, FORM)).path, (0, time.time() - 20.5 * 86400))
    for key in ("b1", "b2"):
        store.put(key, encode_shard({}, FEATURES | {"weights": {"name": "mine"}, "number": key}))
    old = store.put("c3", encode_shard({}, FEATURES | {"weights": {"seed": 3}, "pooling": None})).path
    os.utime(old, (0, time.time() - 40.5 * 86400))
    return store


def test_each_recipe_and_the_total_are_described(store):
    lines = [" ".join(line.split()) for line in describe_store().splitlines()]
    assert len(lines) == 4
    assert "0.0 MB 2 shards used today videogpt mine, codes tmean, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 MB 1 shards used 40 days ago videogpt seed 3, codes not pooled, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 MB 1 shards used 20 days ago clips of 5 x 64 x 64" in lines
    assert lines[-1] == f"0.0 MB 4 shards in {store.folder}"


@pytest.mark.parametrize("data", [b"no tensors", encode_shard({}, {"format": {"frames": 5, "size": 64}})])
def test_damaged_and_older_shards_are_described_as_such(store, data):
    path = next(iter(store))
    path.chmod(0o644)
    path.write_bytes(data)
    assert "damaged, or of an older version" in describe_store()


def test_prune_deletes_only_old_shards(store):
    assert prune_store(30) == f"{store.folder}: 1 shards deleted, 0.0 MB freed"
    assert sorted(path.name[:2] for path in store) == ["a0", "b1", "b2"]
    assert prune_store(0).startswith(f"{store.folder}: 3 shards deleted")
    assert list(store) == []


def test_files_of_killed_runs_are_counted_and_pruned_and_those_of_running_ones_kept(store):
    assert "unfinished" not in describe_store()
    running, killed, counted = (store.folder / name for name in ("a0/.a0.1.tmp", "a0/.a0.2.tmp", "attempts/.id-b1.tmp"))
    counted.parent.mkdir()
    for path in (running, killed, counted):
        path.write_bytes(bytes(1_000_000))
    os.utime(running, (0, time.time() - 3500))
    line = " ".join(describe_store().splitlines()[-2].split())
    assert line.startswith("3.0 MB 3 files unfinished, of runs that go on or were killed")
    for path in (killed, counted):
        os.utime(path, (0, time.time() - 3700))
    prune_store(30)
    assert [path for path, _ in store.unfinished()] == [running]


def test_prune_reports_what_is_freed_and_what_has_links(store, tmp_path):
    big = store.put("d4", bytes(3_000_000)).path
    store.put("d5", bytes(2_000_000))
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
    assert lines == [f"{path}: damaged (sha256 differs), deleted; a run computes it again when it needs it"]
    assert len(list(store)) == 3
