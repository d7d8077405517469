"""A folder in which a row can be run, and how often its network was."""

from pathlib import Path

import pytest
import torch
from small import VIDEO, built, written

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.features.encoder import Encoder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with clips in two shards and the weights of seed 7."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    written(Path("data/clips/small"), [6])
    written(Path("data/clips/even"), [], VIDEO[:, :4])
    weights.save(Path("data/weights/w"), built(7), {"trained_frames": 17})


@pytest.fixture
def encoded(monkeypatch):
    """How many clips went through the network, of each run."""
    seen = []
    forward = magvit2_tiny.Magvit2Tiny.hidden

    def counted(network, x):
        if not x.is_meta and not torch.is_grad_enabled():
            seen.append(len(x))
        return forward(network, x)

    monkeypatch.setattr(magvit2_tiny.Magvit2Tiny, "hidden", counted)
    monkeypatch.setattr(Encoder, "forecast", lambda *_: "untold")  # it runs the network, too

    def since():
        total = sum(seen)
        seen.clear()
        return total

    return since
