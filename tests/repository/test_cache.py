"""What the store holds is told, and freed when it is old."""

import os
import time

import pytest

from trajprobe.cli import main
from trajprobe.files.shards import shard
from trajprobe.files.store import Store
from trajprobe.repository.cache import prune, show, verify

FORM = {"scene": {}, "format": {"frames": 5, "size": 64}}
FEATURES = {"family": "videogpt", "layer": "codes", "pooling": "tmean", "device": "cpu-avx2", "clips": FORM}


@pytest.fixture
def store(store_folder):
    """A store of clips of 20 days, two shards of features, and one of another seed that nobody took for 40 days."""
    store = Store(store_folder)
    os.utime(store.put("a0", shard({}, FORM)).path, (0, time.time() - 20.5 * 86400))
    for key in ("b1", "b2"):
        store.put(key, shard({}, FEATURES | {"weights": {"name": "mine"}, "number": key}))
    old = store.put("c3", shard({}, FEATURES | {"weights": {"seed": 3}, "pooling": None})).path
    os.utime(old, (0, time.time() - 40.5 * 86400))
    return store


def test_show_tells_each_recipe_and_the_total(store):
    lines = [" ".join(line.split()) for line in show().splitlines()]
    assert len(lines) == 4
    assert "0.0 MB 2 shards used today videogpt mine, codes tmean, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 MB 1 shards used 40 days ago videogpt seed 3, codes not pooled, of 5 x 64 x 64, cpu-avx2" in lines
    assert "0.0 MB 1 shards used 20 days ago clips of 5 x 64 x 64" in lines
    assert lines[-1] == f"0.0 MB 4 shards in {store.folder}"


def test_show_does_not_stumble_over_damage(store):
    path = next(iter(store))
    path.chmod(0o644)
    path.write_bytes(b"no tensors")
    assert "damaged: made again when it is asked for" in show()


def test_prune_deletes_what_is_old_alone(store):
    told = prune(30)
    assert told == f"{store.folder}: 1 shards deleted, 0.0 MB freed"
    assert sorted(path.name[:2] for path in store) == ["a0", "b1", "b2"]
    assert prune(0).startswith(f"{store.folder}: 3 shards deleted")
    assert list(store) == []


def test_what_a_killed_run_left_is_told_and_pruned_and_what_goes_on_is_not(store):
    assert "going on" not in show()
    writing, left, counted = (store.folder / name for name in ("a0/.a0.1.tmp", "a0/.a0.2.tmp", "attempts/.id-b1.tmp"))
    counted.parent.mkdir()
    for path in (writing, left, counted):
        path.write_bytes(bytes(1_000_000))
    os.utime(writing, (0, time.time() - 3500))
    told = " ".join(show().splitlines()[-2].split())
    assert told.startswith("3.0 MB 3 files of runs that are going on or were killed")
    for path in (left, counted):
        os.utime(path, (0, time.time() - 3700))
    prune(30)
    assert [path for path, _ in store.unfinished()] == [writing]


def test_prune_tells_what_is_freed_and_what_has_links(store, tmp_path):
    big = store.put("d4", bytes(3_000_000)).path
    store.put("d5", bytes(2_000_000))
    (tmp_path / "linked").hardlink_to(big)
    assert "6 shards deleted, 2.0 MB freed; 3.0 MB more have links elsewhere" in prune(0)
    assert (tmp_path / "linked").stat().st_size == 3_000_000


def test_verify_deletes_a_damaged_shard_and_goes_on_to_dvc(store, monkeypatch):
    monkeypatch.setattr("trajprobe.repository.dvc_cache.verify", lambda _: "the cache is whole")
    path = next(iter(store))
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    told = []
    assert verify(told.append) == f"{store.folder}: 3 shards are whole\nthe cache is whole"
    assert told == [f"{path}: its bytes are not those that were written; deleted, and made again when a run needs it"]
    assert len(list(store)) == 3


def test_the_command_line_has_both(store, capsys):
    main(["cache", "prune", "--days", "30"])
    assert "1 shards deleted" in capsys.readouterr().out
    main(["cache", "show"])
    assert f"3 shards in {store.folder}" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit) as ended:
        main(["cache", "prune", "--days", "few"])
    assert ended.value.code == 2
