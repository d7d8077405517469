"""The index of git, and its lock, which a kill can leave behind."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from in_order import found

from trajprobe.errors import UserError
from trajprobe.repository.dvc_command import dvc


def test_a_lock_of_gits_index_is_deleted_when_it_is_old_and_no_git_runs(repository, process, monkeypatch):
    path, slept = Path(".git/index.lock"), []
    path.write_bytes(b"half")
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.append(seconds) or os.utime(path, (0, 0)))
    assert found() == ([f"{path}: was left by a process that is gone; deleted"], [])
    assert len(slept) == 1
    assert not path.exists()
    path.write_bytes(b"half")
    os.utime(path, (0, 0))
    monkeypatch.undo()


def test_a_lock_of_gits_index_stays_while_git_or_dvc_runs(repository, process):
    path = Path(".git/index.lock")
    path.write_bytes(b"half")
    os.utime(path, (0, 0))
    pid = process("git")
    assert found()[1][0].startswith(f"{path}: locks git's index for the process {pid} (git -c")
    process("dvc")
    assert found() == ([], [])
    assert path.exists()


def test_git_that_locks_nothing_is_no_matter(repository, process):
    """A pager that stands open, say."""
    process("git")
    assert found() == ([], [])


@pytest.mark.harm("damage")
@pytest.mark.parametrize("length", [0, 8, 40, 100, -20, -1])
def test_half_an_index_of_git_is_made_again_from_the_last_commit(repository, length):
    path, commit = Path(".git/index"), ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet"]
    Path("old").write_text("old")
    Path("new").write_text("new")
    subprocess.run(["git", "add", "old"], check=True)
    subprocess.run([*commit, "--message", "old"], check=True)
    Path("old").write_text("changed")
    subprocess.run(["git", "add", "new"], check=True)
    assert found() == ([], [])
    path.write_bytes(path.read_bytes()[:length])
    mended, named = found()
    assert (len(mended), named) == (1, [])
    assert mended[0].startswith(f"{path}: was cut short; made again, from the last commit.")
    status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    assert {" M old", "?? new"} <= set(status.splitlines())
    assert not [line for line in status.splitlines() if line.startswith("D")]
    assert Path("old").read_text() == "changed"
    assert found() == ([], [])


@pytest.mark.parametrize("length", [0, 100, -20])
def test_a_command_that_meets_half_an_index_of_git_names_doctor(repository, length):
    path = Path(".git/index")
    path.write_bytes(path.read_bytes()[:length])
    Path("new").write_text("new")
    with pytest.raises(UserError, match=r"; run `trajprobe doctor`$"):
        dvc("add", "new")


def test_half_an_index_of_git_stays_while_dvc_runs(repository, process):
    path = Path(".git/index")
    path.write_bytes(b"DIRC half")
    process("dvc")
    assert found() == ([], [])
    assert path.read_bytes() == b"DIRC half"


def test_before_the_first_commit_half_an_index_of_git_is_made_again_empty(repository):
    shutil.rmtree(".git")
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], check=True)
    path = Path(".git/index")
    path.write_bytes(path.read_bytes()[:100])
    assert found()[0][0].startswith(f"{path}: was cut short; made again, empty.")
    assert subprocess.run(["git", "ls-files"], check=True, capture_output=True).stdout == b""
    assert found() == ([], [])


def test_half_an_index_of_git_stays_where_the_last_commit_is_damaged_too(repository):
    path = Path(".git/index")
    path.write_bytes(path.read_bytes()[:100])
    tree = subprocess.run(["git", "rev-parse", "HEAD^{tree}"], check=True, capture_output=True, text=True).stdout
    damaged = Path(".git/objects", tree[:2], tree[2:].strip())
    damaged.chmod(0o644)
    damaged.write_bytes(b"")
    mended, named = found()
    assert mended == []
    assert named[0].startswith(f"{path}: is cut short, and git can't read the last commit to make it again (error: ")
    assert named[0].endswith("; clone the repository again and copy your changes into it")
    assert path.stat().st_size == 100


def test_an_index_of_git_without_a_checksum_is_whole(repository):
    for command in (["config", "index.skipHash", "true"], ["add", "--all"]):
        subprocess.run(["git", *command], check=True)
    assert found() == ([], [])
