"""Commands that are killed at any moment lose nothing; `make torture` kills each of them, KILLS times in all."""

import os
import random
import shutil
import subprocess
import sys

import pytest
from kills import failures

KILLS = int(os.environ.get("KILLS", "8"))
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the kills happen; the environment and the current folder are restored afterwards."""
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)  # noqa: PTH120
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.harm("kills")
def test_killed_imports_and_prunes_lose_nothing(folder, record_property):
    repository = folder / "original"
    for command in (["git", "init", "--quiet", repository], [sys.executable, "-m", "dvc", "--cd", repository, "init"]):
        subprocess.run(command, check=True, capture_output=True)
    (repository / ".gitignore").write_text("/data/**\n!/data/**/\n!/data/**/*.dvc\n")
    shares = dict.fromkeys(("prune", "import", "restore", "remote add"), 0.25)
    check(failures(folder, repository, 8, random.Random(0), shares), record_property)


def check(ended, record_property):
    lines, kills, findings = ended
    record_property("times", kills)
    record_property("found", ("findings of doctor", findings))
    assert lines == []


@pytest.mark.harm("kills")
@pytest.mark.skipif(KILLS <= 8, reason="minutes; KILLS=500 asks for it")
def test_killed_commands_lose_nothing(folder, reproduced, record_property):
    repository = reproduced.__class__(shutil.copytree(reproduced.folder, folder / "original"))
    assert repository.trajprobe("remote", "add", folder / "remote")[0] == 0
    repository.run("dvc", "push")
    check(failures(folder, repository.folder, KILLS, random.Random(0)), record_property)
