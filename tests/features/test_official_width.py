"""Open-MAGVIT2 with random weights at its official width, on two clips of one frame, from shards to features."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trajprobe.features.extract import extract
from trajprobe.files import video_shards
from trajprobe.files.feature_shards import Coordinates, folder, read
from trajprobe.files.shards import ShardWriter

NAME = "open-magvit2"
ROW = {"family": "open_magvit2", "clips": "t1", "weights": "random", "like": NAME, "layer": "latents"}
VALUES = {
    "compute": {"threads": 1, "instruction_set": "native"},
    "features": {"seeds": 2, "microbatch": 16, "memory": 4},
    "rows": {NAME: ROW},
}


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads that wait for one another take minutes where other processes run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_random_row_of_two_clips(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    meta = {"tracks": "t", "scene": {}, "format": {"frames": 1, "resolution": 64}}
    writer = ShardWriter(Path("data/clips/t1"), meta)
    video = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64, 3), dtype=np.uint8)
    writer.add(video_shards.packed(video, np.zeros((2, 1, 2)), {}), 2)
    writer.close()
    with caplog.at_level("INFO", "trajprobe"):
        line = extract(VALUES, NAME)
    assert line == "open-magvit2: 2 x 2 clips to 1 x 18 features (latents.tmean)"
    assert "2 x 2 clips of 106.7 GFLOP, 2 at once" in caplog.text
    features, recipe = read(folder(Coordinates(NAME, "random/0", "plain", "latents.tmean")))
    assert features.shape == (2, 1, 18)
    assert np.abs(features[0] - features[1]).max() > 1e-4
    shape = {"ch": 128, "ch_mult": [1, 2, 2, 4], "num_res_blocks": 4, "z_channels": 18}
    assert (recipe["architecture"], recipe["microbatch"]) == (shape, 2)
