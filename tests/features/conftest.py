"""A folder in which a row can be run."""

from pathlib import Path

import pytest
from small import VIDEO, built, written

from trajprobe.backbones import weights


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with clips in two shards and the weights of seed 7."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    written(Path("data/clips/small"), [6])
    written(Path("data/clips/even"), [], VIDEO[:, :4])
    weights.save(Path("data/weights/w"), built(7), {"trained_frames": 17})
