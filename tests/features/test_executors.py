"""Clips and features are the same to the byte, however many processes make them, and on Ray."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from small import ROW, VIDEO, written

from trajprobe.clips import render
from trajprobe.clips.scene import Format, Scene
from trajprobe.features import networks
from trajprobe.files.feature_shards import folders, read
from trajprobe.files.store import Store
from trajprobe.files.tracks import Tracks
from trajprobe.rows import Backbone, Untrained

VALUES = {
    "compute": {"threads": 2, "instruction_set": "native"},
    "features": {"microbatch": 4, "memory": 1},
    "random_init": {"seeds": 2},
}
SCENE = Scene(view="xy", scaling="dataset", blob=0.05, margin=0.1)
COUNT = 2 * render.CLIPS_PER_SHARD + 10

pytestmark = pytest.mark.usefixtures("project")


def make():
    """Rendered clips, pretrained and random features."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(COUNT, 9, 2)).cumsum(axis=1)
    box = np.array([points.min((0, 1)), points.max((0, 1))])
    tracks = Tracks(points, np.tile(np.arange(9.0), (COUNT, 1)), np.full(COUNT, 9), box)
    tracks.save(Path("tracks.npz"))
    render.render(Path("tracks.npz"), SCENE, Format(frames=5, size=16), Path("data/clips/drawn"))
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "a-row")
    networks.random(VALUES, Untrained(**ROW), "a-row")


def everything(store, **variables):
    """All files that `make` makes in a process of its own, since a crash of Ray is to end no pytest."""
    paths = os.pathsep.join([*filter(None, sys.path), str(Path(__file__).parent)])
    environment = os.environ | {"PYTHONPATH": paths, "TRAJPROBE_STORE": str(store)} | variables
    code = "import test_executors; test_executors.make()"
    subprocess.run([sys.executable, "-c", code], env=environment, timeout=600, check=True)
    folders = (Path("data/clips/drawn"), Path("data/features"))
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_every_executor_makes_the_same_bytes(tmp_path):
    written(Path("data/clips/small"), [2, 4, 6, 8])
    alone = everything(tmp_path / "alone")
    assert len(alone) == (3 + 1) + 3 * (5 + 1)
    assert everything(tmp_path / "local", TRAJPROBE_WORKERS="3") == alone
    if find_spec("ray"):  # an extra, which `make test` installs
        assert everything(tmp_path / "ray", TRAJPROBE_EXECUTOR="ray", TRAJPROBE_WORKERS="2") == alone
        assert len(list(Store(tmp_path / "ray"))) == 3 + 3 * 5


def test_codebooks_filled_from_clips_are_the_same_in_every_process(monkeypatch, tmp_path):
    shape = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
    row = {"family": "videogpt", "architecture": shape, "clips": "even", "layer": "codes", "pooling": "tmean"}
    written(Path("data/clips/even"), [3, 6, 8], VIDEO[:, :4])
    made = []
    for count in ("1", "2"):
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / count))
        monkeypatch.setenv("TRAJPROBE_WORKERS", count)
        networks.random(VALUES, Untrained(**row), "a-row")
        made.append({path.relative_to(tmp_path): path.read_bytes() for path in Path.cwd().rglob("features/**/*.*")})
    assert len(made[0]) == 2 * (4 + 1)
    assert made[0] == made[1]
    one, other = (read(folder)[0] for folder in folders("random", "a-row"))
    assert not np.array_equal(one, other)
    assert len(np.unique(one.reshape(10, -1), axis=0)) > 5  # of ten clips
