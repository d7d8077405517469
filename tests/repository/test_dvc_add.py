"""A file of the user's is added to DVC, or everything stays as it was."""

import subprocess
import sys

import pytest

from trajprobe.errors import UserError
from trajprobe.files.imported import dvc_file
from trajprobe.repository.dvc_add import added_to_dvc, check_repository_root


@pytest.fixture
def top(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    return tmp_path


def make(path, text):
    path.parent.mkdir(exist_ok=True)
    if path.suffix:
        path.write_text(text)
    else:
        path.mkdir()
        (path / text).write_text(text)


def fail(path):
    with added_to_dvc(path):
        make(path, "third")
        dvc_file(path).write_text("changed")
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
    with added_to_dvc(path):
        make(path, "first")
    first = contents(top)
    assert dvc_file(path) in first
    with added_to_dvc(path):
        assert not path.exists()
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
    with pytest.raises(UserError, match=r"^dvc add \S*data/folder: .*overlap") as caught, added_to_dvc(path):
        make(path, "first")
    assert "\n" not in str(caught.value)
    assert not (top / "data").exists()


def test_the_backup_of_a_killed_process_is_restored_or_deleted(top):
    path, backup = top / "data/set.npz", top / "data/.set.npz.aside"
    path.parent.mkdir()
    backup.write_text("old")
    with pytest.raises(ZeroDivisionError), added_to_dvc(path):
        _ = 1 / 0
    assert contents(top) == {path: "old"}
    backup.write_text("older")
    with added_to_dvc(path):
        make(path, "new")
    assert contents(top).keys() == {path, dvc_file(path), path.parent / ".gitignore"}


def test_a_folder_that_is_no_repository_root_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not the root of the repository"):
        check_repository_root()
