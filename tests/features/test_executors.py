"""Clips and features are the same to the byte, however many processes make them, and on Ray."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from renderings import rendering
from small import VIDEO, files, place, values, written

from trajprobe.clips import render
from trajprobe.features.extract import extract
from trajprobe.files.feature_shards import read
from trajprobe.files.store import Store
from trajprobe.files.tracks import Tracks

#: A cluttered scene, so that all that is random is made in each way.
DRAWN = rendering(5, 16, trail={"width": 0.05}, clutter={"level": 1, "objects": 2, "noise": 0.02, "drops": 0.2})
COUNT = 2 * render.CLIPS_PER_SHARD + 10

pytestmark = pytest.mark.usefixtures("project")


def make():
    """Rendered clips, and the features of a pretrained network."""
    points = np.random.default_rng(0).normal(size=(COUNT, 9, 2)).cumsum(axis=1)
    box = np.array([points.min((0, 1)), points.max((0, 1))])
    Tracks(points, np.tile(np.arange(9.0), (COUNT, 1)), np.full(COUNT, 9), box).save(Path("tracks.npz"))
    render.render(Path("tracks.npz"), DRAWN, Path("data/clips/drawn"), "stop", Path("drawn.json"))
    extract(values(), "trained")


def everything(store, **variables):
    """All files that `make` makes in a process of its own, since a crash of Ray is to end no pytest."""
    paths = os.pathsep.join([*filter(None, sys.path), str(Path(__file__).parent)])
    environment = os.environ | {"PYTHONPATH": paths, "TRAJPROBE_STORE": str(store)} | variables
    code = "import test_executors; test_executors.make()"
    subprocess.run([sys.executable, "-c", code], env=environment, timeout=600, check=True)
    return files(Path("data/clips/drawn")) | files(Path("data/features"))


def test_every_executor_makes_the_same_bytes(tmp_path):
    written(Path("data/clips/small"), [2, 4, 6, 8])
    alone = everything(tmp_path / "alone")
    assert len(alone) == (3 + 1) + (5 + 1)
    assert everything(tmp_path / "local", TRAJPROBE_WORKERS="3") == alone
    if find_spec("ray"):  # an extra, which `make test` installs
        assert everything(tmp_path / "ray", TRAJPROBE_EXECUTOR="ray", TRAJPROBE_WORKERS="1") == alone
        assert len(list(Store(tmp_path / "ray"))) == 3 + 5


def test_codebooks_filled_from_clips_are_the_same_in_every_process(monkeypatch, tmp_path):
    architecture = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
    row = {"family": "videogpt", "architecture": architecture, "clips": "even", "layer": "codes", "weights": "random"}
    written(Path("data/clips/even"), [3, 6, 8], VIDEO[:, :4])
    made = []
    for count in ("1", "2"):
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / count))
        monkeypatch.setenv("TRAJPROBE_WORKERS", count)
        extract(values(**row), "net")
        made.append(files(Path("data/features")))
    assert len(made[0]) == 2 * (4 + 1)
    assert made[0] == made[1]
    one, other = (read(place("net", f"random/{seed}", layer="codes.tmean"))[0] for seed in range(2))
    assert not np.array_equal(one, other)
    assert len(np.unique(one.reshape(10, -1), axis=0)) > 5  # of ten clips
