"""Damaged objects of DVC's cache are listed with a remedy that deletes no only copy."""

import hashlib
import re
import subprocess
import sys

import pytest

from trajprobe.errors import UserError
from trajprobe.repository.dvc_cache import verify_objects


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The root of a repository, the current folder, whose cache has a file and a folder of one file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/folder").mkdir(parents=True)
    (tmp_path / "data/set.npz").write_bytes(b"tracks")
    (tmp_path / "data/folder/shard").write_bytes(b"features")
    dvc = [sys.executable, "-m", "dvc"]
    for command in (["git", "init", "--quiet"], [*dvc, "init", "--quiet"], [*dvc, "add", "--quiet", "data/set.npz"]):
        subprocess.run(command, check=True)
    subprocess.run([*dvc, "add", "--quiet", "data/folder"], check=True)
    return tmp_path


def object_of(repository, data):
    md5 = hashlib.md5(data).hexdigest()
    return repository / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def remedies():
    """The command for each damaged object, with the line that it is in."""
    lines = []
    with pytest.raises(UserError, match=r"^\S*: \d of 3 objects are damaged; delete those named above"):
        verify_objects(lines.append)
    return [(re.search("; delete it: rm -f (.*)", line)[1].split(), line) for line in lines]


def test_an_intact_cache_is_counted(repository):
    lines = []
    assert verify_objects(lines.append) == f"{repository}/.dvc/cache: all 3 objects are intact"
    assert lines == []


@pytest.mark.parametrize(("name", "data"), [("data/set.npz", b"tracks"), ("data/folder/shard", b"features")])
def test_a_damaged_object_is_deleted_with_its_copies_in_the_workspace(repository, name, data):
    path = object_of(repository, data)
    overwrite(path, b"damage")
    overwrite(repository / name, b"damage")
    ((targets, line),) = remedies()
    assert targets == [str(path), name]
    assert f"expected that of its name ({name})" in line


@pytest.mark.parametrize("content", [b"tracks", b"edited, and added to nothing"])
def test_a_file_that_is_no_copy_of_the_damage_is_kept(repository, content):
    path = object_of(repository, b"tracks")
    overwrite(path, b"damage")
    overwrite(repository / "data/set.npz", content)
    ((targets, _),) = remedies()
    assert targets == [str(path)]


def test_an_object_of_no_known_file_is_reported_as_such(repository):
    path = object_of(repository, b"of another branch")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"damage")
    lines = []
    with pytest.raises(UserError, match="1 of 4 objects are damaged"):
        verify_objects(lines.append)
    assert "(of another branch or an earlier run)" in lines[0]
