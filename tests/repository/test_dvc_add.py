"""A file of the user's is added to DVC, or everything stays as it was."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trajprobe.errors import UserError
from trajprobe.files.imported import dvc_file
from trajprobe.files.temporary import temporary_path
from trajprobe.repository import dvc_add
from trajprobe.repository.dvc_add import UNDO, added_to_dvc, check_repository_root, finish_imports


@pytest.fixture
def top(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    return tmp_path


def make(path, text):
    """Imports a file, or a folder of two files, with that text."""
    with added_to_dvc(path) as new:
        if path.suffix:
            new.write_text(text)
        else:
            new.mkdir()
            (new / text).write_text(text)
            (new / "same").write_text("same")


def fail(path):
    with added_to_dvc(path) as new:
        new.write_text("third")
        _ = 1 / 0


def contents(top):
    """The content of all files in data/, by path."""
    return {path: path.read_text() if path.is_file() else None for path in (top / "data").rglob("*")}


@pytest.mark.parametrize("name", ["set.npz", "folder"])
def test_a_file_or_a_folder_is_added_replaced_and_restored(top, name):
    path = top / "data" / name
    with pytest.raises(ZeroDivisionError):
        fail(path)
    assert not path.parent.exists()
    make(path, "first")
    first = contents(top)
    assert dvc_file(path) in first
    make(path, "second")
    second = contents(top)
    assert second[dvc_file(path)] != first[dvc_file(path)]
    assert "second" in second.values()
    assert "first" not in second.values()
    with pytest.raises(ZeroDivisionError):
        fail(path)
    assert contents(top) == second


def test_a_path_that_dvc_refuses_leaves_no_file(top):
    path = top / "data/folder"
    (top / "dvc.yaml").write_text("stages: {make: {cmd: mkdir data/folder, outs: [data/folder]}}")
    with pytest.raises(UserError, match=r"^dvc add \S*data/folder: .*overlap") as caught:
        make(path, "first")
    assert "\n" not in str(caught.value)
    assert not (top / "data").exists()


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


STEPS = 24  #: at least as many changes of files as an import makes


@pytest.fixture
def killed(monkeypatch):
    """Runs something in the place of a process that is killed at its change number `step` of the files."""

    def run(step, action):
        with monkeypatch.context() as context:
            count = iter(range(1000))

            def counted(function):
                def wrapped(*arguments, **options):
                    if next(count) >= step:
                        raise Killed
                    return function(*arguments, **options)

                return wrapped

            for name in ("replace", "unlink", "mkdir", "rename", "rmdir"):
                context.setattr(os, name, counted(getattr(os, name)))
            context.setattr(dvc_add, "dvc", counted(dvc_add.dvc))
            context.setattr(os, "getpid", lambda: GONE)
            try:
                action()
            except Killed:
                return True
            return False

    return run


GONE = 2**22 + 1  #: a number that no process has


@pytest.mark.harm("kills")
@pytest.mark.parametrize("name", ["set.npz", "folder"])
@pytest.mark.parametrize("old", [True, False])
def test_an_import_that_is_killed_at_any_step_is_completed_or_undone_and_so_is_a_killed_repair(
    top, name, old, killed, monkeypatch
):
    path = top / "data" / name
    monkeypatch.setattr(dvc_add, "dvc", lambda _, of: pointed(Path(of)))
    (top / "data").mkdir()
    if old:
        make(path, "old")
    before = contents(top)
    make(path, "new")
    after = contents(top)
    ends = []
    for step in range(STEPS):
        shutil.rmtree(top / "data")
        (top / "data").mkdir()
        if old:
            make(path, "old")
        ended = not killed(step, lambda: make(path, "new"))
        for later in range(STEPS):
            if not killed(later, lambda: finish_imports(top / "data")):
                break
        finish_imports(top / "data")
        now = contents(top)
        assert now in (before, after), (step, sorted(now))
        ends.append((now == after, ended))
    assert ends[0] == (False, False)
    assert ends[-1] == (True, True)
    assert ends == sorted(ends)  # first undone, then completed


def pointed(path):
    """What `dvc add` does: the data goes into the cache, and the .dvc file is written."""
    listing = [{"md5": held(file), "relpath": file.name} for file in sorted(path.iterdir())] if path.is_dir() else []
    md5 = held_bytes(json.dumps(listing).encode(), ".dir") if path.is_dir() else held(path)
    dvc_file(path).write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: {path.name}\n")


def held(file):
    return held_bytes(file.read_bytes())


def held_bytes(data, ending=""):
    md5 = hashlib.md5(data).hexdigest()
    path = Path(".dvc/cache/files/md5", md5[:2], md5[2:] + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5 + ending


def interrupted(path, monkeypatch, damage):
    """An import of `new` over `old` whose process is killed in `dvc add`, once that has done some `damage`."""
    make(path, "old")

    def die(*_):
        damage()
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(dvc_add, "dvc", die)
        context.setattr(os, "getpid", lambda: GONE)
        context.setattr(dvc_add, "_go_back", lambda *_: None)  # nothing runs after a kill
        with pytest.raises(Killed):
            make(path, "new")


@pytest.mark.parametrize("cut", [b"", b"outs:\n- md5: 0123", b"outs:\n- md5: " + b"0" * 32 + b"\n  path: set.npz\n"])
def test_a_dvc_file_that_was_cut_short_is_put_back(top, monkeypatch, cut):
    path = top / "data/set.npz"
    interrupted(path, monkeypatch, lambda: dvc_file(path).write_bytes(cut))
    (line,) = finish_imports(top / "data", "set.npz")
    assert line == f"{path}: undid the import that was killed"
    assert path.read_text() == "old"
    assert "md5: 149603e6c03516362a8da23f624db945" in dvc_file(path).read_text()  # of `old`
    assert {file.name for file in path.parent.iterdir()} == {"set.npz", "set.npz.dvc", ".gitignore"}


def test_a_folder_that_dvc_was_linking_again_is_put_back(top, monkeypatch):
    path = top / "data/folder"

    def half_linked():
        (path / "same").unlink()
        (path / ".0123456789abcdefghijkl.tmp").write_text("sa")

    interrupted(path, monkeypatch, half_linked)
    finish_imports(top / "data")
    assert sorted(file.name for file in path.iterdir()) == ["old", "same"]


def test_data_that_a_user_has_put_in_place_meanwhile_is_kept_and_so_is_the_old(top, monkeypatch):
    path = top / "data/set.npz"
    interrupted(path, monkeypatch, lambda: path.write_text("the user's"))
    for _ in range(2):
        with pytest.raises(UserError, match=r"set\.npz: its import was killed, and the data there now is not what it"):
            finish_imports(top / "data")
        assert path.read_text() == "the user's"
    (undo,) = path.parent.glob(f".*.{UNDO}")
    assert (undo / "data").read_text() == "old"


def test_an_import_that_runs_is_left_alone(top):
    undo = temporary_path(top / "data/set.npz", UNDO)
    undo.mkdir(parents=True)
    assert finish_imports(top / "data") == []
    assert undo.exists()


def test_a_folder_that_is_no_repository_root_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not the root of the repository"):
        check_repository_root()
