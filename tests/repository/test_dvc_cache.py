"""Damaged objects of DVC's cache are listed with a remedy that deletes no only copy."""

import hashlib
import re
import shutil
import subprocess
import sys

import pytest

from trajprobe.errors import UserError
from trajprobe.repository.dvc_cache import verify_objects


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The root of a repository whose cache has a file and a folder of one file."""
    root = tmp_path_factory.mktemp("original")
    (root / "data/folder").mkdir(parents=True)
    (root / "data/set.npz").write_bytes(b"tracks")
    (root / "data/folder/shard").write_bytes(b"features")
    dvc = [sys.executable, "-m", "dvc"]
    for command in (["git", "init"], [*dvc, "init"], [*dvc, "add", "data/set.npz", "data/folder"]):
        subprocess.run([*command, "--quiet"], cwd=root, check=True)
    return root


@pytest.fixture
def repository(original, tmp_path, monkeypatch):
    """A copy of that repository, the current folder."""
    monkeypatch.chdir(shutil.copytree(original, tmp_path / "repository"))
    return tmp_path / "repository"


def object_of(repository, data):
    md5 = hashlib.md5(data).hexdigest()
    return repository / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def remedies():
    """The command for each damaged object, with the line that it is in."""
    lines = []
    with pytest.raises(UserError, match=r"^\S*: \d of 3 objects are damaged; do what stands above"):
        verify_objects(lines.append)
    assert [line for line in lines if "delete it" in line] == []  # what was brought in may have no other copy
    return [(re.search("; (put it aside: .*)", line)[1], line) for line in lines]


def test_an_intact_cache_is_counted(repository):
    lines = []
    assert verify_objects(lines.append) == f"{repository}/.dvc/cache: all 3 objects are intact"
    assert lines == []


@pytest.mark.parametrize(("name", "data"), [("data/set.npz", b"tracks"), ("data/folder/shard", b"features")])
def test_a_damaged_object_is_put_aside_and_its_copies_in_the_workspace_deleted(repository, name, data):
    path = object_of(repository, data)
    overwrite(path, b"damage")
    overwrite(repository / name, b"damage")
    ((remedy, line),) = remedies()
    md5 = path.parent.name + path.name
    assert remedy == (f"put it aside: mkdir -p .dvc/tmp/damaged && mv {path} .dvc/tmp/damaged/{md5} && rm -f {name}")
    subprocess.run(["bash", "-c", remedy.partition(": ")[2]], check=True)
    assert (repository / ".dvc/tmp/damaged" / md5).read_bytes() == b"damage"
    assert not (repository / name).exists()
    assert f"expected that of its name ({name})" in line


@pytest.mark.parametrize("content", [b"tracks", b"edited, and added to nothing"])
def test_a_file_that_is_no_copy_of_the_damage_is_kept(repository, content):
    path = object_of(repository, b"tracks")
    overwrite(path, b"damage")
    overwrite(repository / "data/set.npz", content)
    ((remedy, _),) = remedies()
    assert remedy.endswith(f"mv {path} .dvc/tmp/damaged/{path.parent.name}{path.name}")


def test_an_object_of_no_known_file_is_reported_as_such(repository):
    path = object_of(repository, b"of another branch")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"damage")
    lines = []
    with pytest.raises(UserError, match="1 of 4 objects are damaged"):
        verify_objects(lines.append)
    assert "(of another branch or an earlier run)" in lines[0]
