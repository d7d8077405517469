"""The scratch store gives back what was put in, or nothing."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from trajprobe.errors import UserError
from trajprobe.files.store import Store

KEY = Store.key({"a": 1})


@pytest.fixture
def store(store_folder):
    return Store.here()


def test_what_is_put_in_comes_back_under_its_key_alone(store, store_folder):
    assert store.get(KEY) is None
    put = store.put(KEY, b"data")
    assert store.get(KEY) == put
    assert put.path.read_bytes() == b"data"
    assert put.path.is_relative_to(store_folder)
    assert put.sha256 == hashlib.sha256(b"data").hexdigest()
    assert stat.S_IMODE(put.path.stat().st_mode) == 0o444
    assert store.get(Store.key({"a": 2})) is None
    assert list(store) == [put.path]


def test_a_key_does_not_depend_on_the_order_of_a_recipe():
    assert Store.key({"a": 1, "b": {"c": 2, "d": 3}}) == Store.key({"b": {"d": 3, "c": 2}, "a": 1})
    assert Store.key({"a": 1}) != Store.key({"a": "1"})


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]]
)
def test_a_damaged_shard_is_told_and_deleted(store, damage, caplog):
    put = store.put(KEY, b"some data")
    put.path.chmod(0o644)
    put.path.write_bytes(damage(b"some data"))
    assert store.get(KEY) is None
    assert f"{put.path}: its bytes are not those that were written; deleted, and made again" in caplog.text
    assert list(store) == []
    assert store.get(KEY) is None


def test_what_another_process_was_killed_over_is_swept_and_what_one_writes_is_not(store, store_folder):
    put = store.put(KEY, b"data")
    old, new = (put.path.with_name(f".{put.path.name}.{name}.tmp") for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"da")
    os.utime(old, (0, 0))
    Store.here()
    assert sorted(path for path in store_folder.rglob("*") if path.is_file()) == sorted([new, put.path])


def test_what_another_run_finishes_meanwhile_is_no_error(store, store_folder, monkeypatch):
    path = store_folder / "aa/.gone.tmp"
    monkeypatch.setattr(Path, "glob", lambda *_: iter([path]))
    assert list(store.unfinished()) == []
    Store.here()


def test_taking_a_shard_makes_it_young(store):
    put = store.put(KEY, b"data")
    os.utime(put.path, (0, 0))
    store.get(KEY)
    assert put.path.stat().st_mtime > 1e9


def test_a_store_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"TRAJPROBE_STORE: got .*/file, expected a folder that can be written to"):
        Store.here()


def test_without_a_variable_it_is_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("TRAJPROBE_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Store.here().folder == tmp_path / "trajprobe"
