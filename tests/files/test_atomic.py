"""Files are complete or absent."""

import errno
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.files.atomic import (
    fresh_folder,
    link,
    sha256,
    write_bytes,
    write_csv,
    write_json,
    write_npz,
)
from trajprobe.files.temporary import temporary_path


def full_disk(handle):
    raise OSError(errno.ENOSPC, "No space left on device")


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_written_with_the_folders_above_it(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"\x00\xff")
    assert files(tmp_path) == {"a/b/c.bin": b"\x00\xff"}


def test_a_failed_write_leaves_neither_the_file_nor_a_temporary_one(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a.bin", b"new")
    assert files(tmp_path) == {}


@pytest.mark.harm("full disk")
def test_a_failed_write_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a.bin", b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a.bin", b"new")
    assert files(tmp_path) == {"a.bin": b"old"}


@pytest.mark.harm("power")
def test_the_bytes_are_on_disk_before_the_file_takes_its_name(tmp_path, monkeypatch):
    states = []

    def record(handle):
        states.append((os.fstat(handle).st_size, (tmp_path / "a.bin").exists()))

    monkeypatch.setattr(os, "fsync", record)
    write_bytes(tmp_path / "a.bin", b"12345")
    assert states == [(5, False)]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_files_mode_follows_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "a.bin", b"")
        assert os.umask(umask) == umask  # unchanged
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == mode


def test_a_folders_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with fresh_folder(tmp_path / "made"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o750


def test_json_has_the_same_bytes_whatever_the_order_of_its_keys(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": {"d": 0.1, "c": None}})
    write_json(tmp_path / "b.json", {"a": {"c": None, "d": 0.1}, "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"a": {"c": None, "d": 0.1}, "b": 1}


def test_json_of_nan_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"accuracy": float("nan")})
    assert files(tmp_path) == {}


def test_csv_quotes_what_needs_it_and_ends_lines_alike_everywhere(tmp_path):
    write_csv(tmp_path / "a.csv", ["step", "name"], [(1, "a,b"), (2.5, "c")])
    assert (tmp_path / "a.csv").read_bytes() == b'step,name\n1,"a,b"\n2.5,c\n'


def test_npz_has_the_same_bytes_for_the_same_arrays_at_any_time(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"])}
    for name in ("one", "two"):
        write_npz(tmp_path / f"{name}.npz", {key: value.copy() for key, value in arrays.items()})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(tmp_path / "one.npz", allow_pickle=False) as back:
        assert all(np.array_equal(back[key], value) for key, value in arrays.items())


def test_npz_has_the_same_bytes_with_every_version_of_python(tmp_path):
    """The hash is that of Python 3.11.2 and 3.11.7, between which the bytes of numpy.savez differ."""
    write_npz(tmp_path / "a.npz", {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"])})
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "a06b19f7b64c2c919c0ccd6e75e789caf19b5285e16b201684110e9f31b835ce"


def test_npz_of_objects_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(tmp_path / "a.npz", {"x": np.array([{}, []], dtype=object)})
    assert files(tmp_path) == {}


def test_a_fresh_folder_replaces_the_old_one_completely(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_bytes(b"old")
    with fresh_folder(tmp_path / "made") as folder:
        (folder / "new").write_bytes(b"new")
        assert files(tmp_path / "made") == {"old": b"old"}  # until the block ends
    assert files(tmp_path) == {"made/new": b"new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_fresh_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path, error):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_bytes(b"old")
    with pytest.raises(error), fresh_folder(tmp_path / "made") as folder:  # noqa: PT012
        (folder / "new").write_bytes(b"new")
        raise error
    assert files(tmp_path) == {"made/old": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_sha256_is_that_of_the_standard():
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def dead(monkeypatch):
    """Names a temporary file of a process that has ended and that nobody waits for, as a kill may leave it."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie

    def name(path):
        with monkeypatch.context() as context:
            context.setattr(os, "getpid", lambda: process.pid)
            return temporary_path(path)

    yield name
    process.wait()


@pytest.mark.harm("kills")
def test_what_killed_processes_left_is_deleted_by_the_next_that_makes_the_same(tmp_path, dead):
    """Not what other files were to become, what a running process makes, or a user's files of similar names."""
    left = [dead(tmp_path / name) for name in ("folder", "a.csv", "folder.2", "a.csv.2")]
    running = [temporary_path(tmp_path / name) for name in ("folder", "a.csv")]
    users = [tmp_path / name for name in (".a.csv.tmp", ".a.csv.old.tmp", ".folder.mine.trajprobe-tmp", "a.csv.tmp")]
    for path in (left[0], left[2], running[0]):
        path.mkdir()
        (path / "half").write_text("x")
    for path in (left[1], left[3], running[1], *users):
        path.write_text("x")
        os.utime(path, (0, 0))
    with fresh_folder(tmp_path / "folder") as folder:
        (folder / "complete").write_text("y")
    write_bytes(tmp_path / "a.csv", b"y")
    assert [path.exists() for path in left] == [False, False, True, True]
    assert all(path.exists() for path in (*running, *users))


@pytest.mark.harm("clocks")
def test_leftovers_of_another_machine_are_deleted_when_they_are_a_day_old(tmp_path, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(socket, "gethostname", lambda: "another")
        paths = [temporary_path(tmp_path / "a") for _ in range(2)]
    for path, age in zip(paths, (80_000, 90_000), strict=True):
        path.write_bytes(b"")
        os.utime(path, (time.time() - age,) * 2)
    write_bytes(tmp_path / "a", b"")
    assert [path.exists() for path in paths] == [True, False]


@pytest.mark.parametrize("across", [False, True])
def test_a_linked_file_is_a_file_of_its_own_when_the_first_name_is_deleted(tmp_path, monkeypatch, across):
    """Never a symbolic link: `prune` would take the file of the workspace with it."""
    first, second = tmp_path / "first", tmp_path / "second"
    write_bytes(first, b"data", mode=0o444)
    if across:
        monkeypatch.setattr(Path, "hardlink_to", other_filesystem)
    link(first, second, sha256(b"data"))
    assert second.samefile(first) != across
    first.unlink()
    assert second.read_bytes() == b"data"
    assert not second.is_symlink()
    assert files(tmp_path) == {"second": b"data"}


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"dat")])
def test_what_is_deleted_or_damaged_before_it_is_copied_is_refused(tmp_path, monkeypatch, damage):
    (tmp_path / "first").write_bytes(b"data")
    damage(tmp_path / "first")
    monkeypatch.setattr(Path, "hardlink_to", other_filesystem)
    with pytest.raises(UserError, match=r"first: was deleted or damaged while this run used it; run again"):
        link(tmp_path / "first", tmp_path / "second", sha256(b"data"))
    assert not (tmp_path / "second").exists()


def other_filesystem(*_):
    raise OSError(errno.EXDEV, "Invalid cross-device link")
