"""A repository to harm, and processes that could be those of git or DVC."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_order import kill, write


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A repository in order."""
    return write(tmp_path_factory.mktemp("original"))


@pytest.fixture(autouse=True)
def repository(original, tmp_path, monkeypatch):
    """A copy of that repository, the current folder."""
    root = Path(shutil.copytree(original, tmp_path / "repository"))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def process():
    """Starts a process in this folder whose command line begins so, and ends it after the test."""
    started = []

    def start(*words):
        code = "import time; time.sleep(60)"
        started.append(subprocess.Popen([*words, "-c", code], executable=sys.executable))
        time.sleep(0.1)
        return started[-1].pid

    yield start
    for one in started:
        kill(one.pid)
        one.wait()
