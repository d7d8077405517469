"""Open-MAGVIT2 with random weights at its official width, on two clips of 64 x 64, from shards to features."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trajprobe.features.extraction import extract
from trajprobe.features.networks import Drawn
from trajprobe.features.setting import Setting
from trajprobe.files import video_shards as clips
from trajprobe.files.feature_shards import read
from trajprobe.files.shards import ShardWriter
from trajprobe.rows import Untrained

VALUES = {"compute": {"threads": 2, "instruction_set": "native"}, "features": {"microbatch": 16, "memory": 4}}


@pytest.fixture(autouse=True)
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def test_a_random_row_of_two_clips_and_one_seed(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    writer = ShardWriter(Path("data/clips/t5"), {"tracks": "t", "scene": {}, "format": {"frames": 5, "size": 64}})
    video = np.random.default_rng(0).integers(0, 256, (2, 5, 64, 64, 3), dtype=np.uint8)
    writer.add(clips.packed(video, np.zeros((2, 5, 2)), {}), 2)
    writer.close()
    row = Untrained(family="open_magvit2", architecture={}, clips="t5", layer="latents", pooling="tmean")
    setting = Setting.of(VALUES, row, "open-magvit2")
    folder = Path("data/features/random/open-magvit2/seed-0")
    with caplog.at_level("INFO", "trajprobe"):
        told = extract(setting, [Drawn(setting, 0, folder)], "open-magvit2")
    assert told == "open-magvit2: 2 clips to 2 x 18 features (latents, tmean)"
    assert "2 clips of 1,040.2 GFLOP, 2 at once" in caplog.text
    features, recipe = read(folder)
    assert features.shape == (2, 2, 18)
    assert np.abs(features[0] - features[1]).max() > 1e-4
    shape = {"ch": 128, "ch_mult": [1, 2, 2, 4], "num_res_blocks": 4, "z_channels": 18}
    assert (recipe["architecture"], recipe["microbatch"]) == (shape, 2)
