"""A folder in which rows can be run, and how many clips went through the network."""

from pathlib import Path

import pytest
import torch
from small import VIDEO, built, written

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.features.extract import FeatureMaker


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with clips in two shards, clips of an even number of frames, and the weights of seed 7."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    monkeypatch.delenv("TRAJPROBE_KEEP_TOKENS", raising=False)
    written(Path("data/clips/small"), [6])
    written(Path("data/clips/even"), [], VIDEO[:, :4])
    weights.save(Path("data/weights/w"), built(7), {"trained_frames": 17})


@pytest.fixture
def encoded(monkeypatch):
    """Counts the clips that go through the network; each call gives the count since the last one."""
    counts = []
    hidden = magvit2_tiny.Magvit2Tiny.hidden

    def counted(network, x):
        if not x.is_meta and not torch.is_grad_enabled():
            counts.append(len(x))
        return hidden(network, x)

    monkeypatch.setattr(magvit2_tiny.Magvit2Tiny, "hidden", counted)
    monkeypatch.setattr(FeatureMaker, "forecast", lambda *_: "no forecast")  # it runs the network, too

    def since_last():
        total = sum(counts)
        counts.clear()
        return total

    return since_last
