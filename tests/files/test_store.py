"""The scratch store gives back what was put in, or nothing."""

import hashlib
import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.files.shards import encode_shard
from trajprobe.files.store import Store
from trajprobe.files.temporary import temporary_path

RECIPE = {"weights": {"seed": 0}, "code": ["a"]}
KEY, DATA = Store.key(RECIPE), encode_shard({"x": np.arange(3)}, RECIPE)
NOBODY = 65534


@pytest.fixture
def store(store_folder):
    return Store.here()


def test_what_is_put_in_comes_back_under_its_key_alone(store, store_folder):
    assert store.get(KEY) is None
    put = store.put(KEY, DATA)
    assert store.get(KEY) == put
    assert put.path.read_bytes() == DATA
    assert put.path.is_relative_to(store_folder)
    assert put.sha256 == hashlib.sha256(DATA).hexdigest()
    assert not put.path.stat().st_mode & 0o222
    assert store.get(Store.key({"a": 2})) is None
    assert list(store) == [put.path]


def test_a_key_does_not_depend_on_the_order_of_a_recipe():
    assert Store.key({"a": 1, "b": {"c": 2, "d": 3}}) == Store.key({"b": {"d": 3, "c": 2}, "a": 1})
    assert Store.key({"a": 1}) != Store.key({"a": "1"})


@pytest.mark.harm("damage")
@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]]
)
def test_a_damaged_shard_is_told_and_deleted(store, damage, caplog):
    put = store.put(KEY, DATA)
    put.path.chmod(0o644)
    put.path.write_bytes(damage(DATA))
    assert store.get(KEY) is None
    assert f"{put.path}: its bytes are not those that were written; deleted, and made again" in caplog.text
    assert list(store) == []
    assert store.get(KEY) is None


@pytest.mark.parametrize(
    "inside",
    [{"weights": {"seed": 1}, "code": ["a"]}, {"weights": {"seed": 0}, "code": ["b"]}, {"weights": {"seed": 0}}, {}],
)
def test_a_shard_under_the_key_of_another_recipe_is_not_taken(store, inside, caplog):
    put = store.put(KEY, encode_shard({"x": np.arange(3)}, inside))
    assert store.get(KEY) is None
    assert f"{put.path}: its recipe is not that of its key; deleted, and made again" in caplog.text
    assert list(store) == []


@pytest.mark.parametrize("data", [b"no tensors", encode_shard({}, RECIPE)[:-1] + b"x"])
def test_a_file_without_a_recipe_is_not_taken(store, data):
    store.put(KEY, data)
    assert store.get(KEY) is None


def test_a_recipe_whose_code_stands_outside_the_shard_makes_half_of_the_key(store):
    inside = {"format": {"frames": 5}, "places": "p"}
    keys = [Store.key(inside, code) for code in (["a"], ["b"])]
    assert keys[0] != keys[1]
    assert keys[0][:16] == keys[1][:16] == Store.key(inside)[:16]
    put = store.put(keys[0], encode_shard({}, inside))
    assert store.get(keys[0]) == put
    assert store.get(keys[1]) is None
    other = Store.key(inside | {"places": "q"}, ["a"])
    store.put(other, encode_shard({}, inside))
    assert store.get(other) is None


def dead_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(path, monkeypatch):
    """A temporary file of a process that is gone, which was to become `path`."""
    with monkeypatch.context() as context:
        context.setattr(os, "getpid", dead_process)
        leftover = temporary_path(path)
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"da")
    return leftover


@pytest.mark.harm("kills")
def test_what_a_killed_run_left_is_swept_and_what_a_running_one_writes_is_not(store, store_folder, monkeypatch):
    put = store.put(KEY, DATA)
    gone = [left(path, monkeypatch) for path in (put.path, store_folder / "attempts" / KEY)]
    running = [temporary_path(path) for path in (put.path, store_folder / "attempts" / KEY)]
    for path in running:
        path.write_bytes(b"da")
        os.utime(path, (0, 0))
    assert {path for path, _ in store.unfinished()} == {*gone, *running}
    Store.here()
    assert {path for path, _ in store.unfinished()} == {*running}
    assert list(store) == [put.path]


def test_files_that_are_not_the_stores_are_neither_listed_nor_read_nor_deleted(store, store_folder, monkeypatch):
    """Whatever a user has in the folder that TRAJPROBE_STORE names, with names that come close to the store's."""
    digest = "0" * 64
    names = [
        "models/model-00001-of-00002.safetensors",
        "ab/model-00001-of-00002.safetensors",
        "ab/.report.tmp",
        f"ab/.{'ab' * 16}-{digest}.safetensors.tmp",
        f"cd/{'ab' * 16}-{digest}.safetensors",
        f"ab/{'AB' * 16}-{digest}.safetensors",
        f"ab/{'ab' * 16}-{digest}.safetensors.bak",
        f"other/{'ab' * 16}-{digest}.safetensors",
        "attempts/.notes.tmp",
        f"{'ab' * 16}-{digest}.safetensors",
    ]
    for name in names:
        (store_folder / name).parent.mkdir(exist_ok=True)
        (store_folder / name).write_bytes(b"the user's")
        os.utime(store_folder / name, (0, 0))
    own = [left(store_folder / name, monkeypatch) for name in ("ab/mine.safetensors", "attempts/mine", "models/x")]
    (store_folder / "ab" / f"{'ab' * 16}-{'1' * 64}.safetensors").symlink_to(store_folder / names[0])
    Store.here()
    assert list(store) == list(store.unfinished()) == []
    assert store.get("ab" * 16) is None
    assert all((store_folder / name).read_bytes() == b"the user's" for name in names)
    assert all(path.exists() for path in own)
    assert len([path for path in store_folder.rglob("*") if path.is_file()]) == len(names) + len(own) + 1


@pytest.mark.harm("two with one store")
def test_what_another_run_finishes_meanwhile_is_no_error(store, store_folder, monkeypatch):
    path = temporary_path(store_folder / "aa" / f"{'a' * 32}-{'0' * 64}.safetensors")
    monkeypatch.setattr(Path, "glob", lambda *_: iter([path]))
    assert list(store.unfinished()) == []
    Store.here()


def test_taking_a_shard_makes_it_young(store):
    put = store.put(KEY, DATA)
    os.utime(put.path, (0, 0))
    store.get(KEY)
    assert put.path.stat().st_mtime > 1e9


def test_a_store_that_is_made_is_marked_as_a_cache_and_a_folder_of_the_users_is_not(tmp_path, store, monkeypatch):
    assert not (store.folder / "CACHEDIR.TAG").exists()
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "new/store"))
    tag = (Store.here().folder / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


@contextmanager
def as_another_user():
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared(tmp_path_factory):
    """A store that another user can reach."""
    folder = tmp_path_factory.mktemp("shared")
    for above in (folder, *folder.parents):
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
    folder.chmod(0o755)
    return Store(folder)


@pytest.mark.harm("two users")
def test_another_user_reads_a_store_and_is_told_when_it_must_be_written(shared, caplog):
    put = shared.put(KEY, DATA)
    (shared.folder / "aa").mkdir()
    with as_another_user():
        assert shared.get(KEY) == put
        for key in (KEY, "bb" * 16):
            with pytest.raises(UserError, match=r"^TRAJPROBE_STORE: .* can't be written to \(Permission denied\), and"):
                shared.check_writable([key])
            with pytest.raises(UserError, match=r"^TRAJPROBE_STORE: .* can't be written to \(Permission denied\), and"):
                shared.put(key, b"")
    shared.check_writable([KEY, "bb" * 16])
    put.path.chmod(0o644)
    put.path.write_bytes(b"damaged")
    with as_another_user():
        assert shared.get(KEY) is None
    assert "cannot be used (Permission denied); made again" in caplog.text


@pytest.mark.harm("two users")
@pytest.mark.parametrize(("rights", "folder", "file"), [(0o2775, 0o2775, 0o444), (0o700, 0o700, 0o400)])
def test_what_is_put_in_has_the_rights_of_the_store_whatever_the_umask(store, rights, folder, file):
    store.folder.chmod(rights)
    before = os.umask(0o077)
    try:
        path = store.put(KEY, DATA).path
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == folder
    assert stat.S_IMODE(path.stat().st_mode) == file


@pytest.mark.harm("read-only")
def test_a_store_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"TRAJPROBE_STORE: got .*/file, expected a folder that can be written to"):
        Store.here()


def test_without_a_variable_it_is_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("TRAJPROBE_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Store.here().folder == tmp_path / "trajprobe"
