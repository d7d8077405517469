"""Repositories of a few hand-made runs; the rows that tests of the comparison are made of serve here too."""

import sys
from pathlib import Path

import pytest
from small_runs import Repository

sys.path.append(str(Path(__file__).parents[1] / "compare"))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty git repository, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return Repository(tmp_path)
