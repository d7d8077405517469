"""Rows of VideoGPT: a random network's codebook comes from the clips, and weights keep the strides they know."""

import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from small import VIDEO, written

from trajprobe.backbones import videogpt, weights
from trajprobe.errors import UserError
from trajprobe.features import networks
from trajprobe.features.pooling import pooling
from trajprobe.features.setting import Setting
from trajprobe.files.feature_shards import folders, read
from trajprobe.rows import Backbone, Untrained

SHAPE = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
ROW = {"family": "videogpt", "architecture": SHAPE, "clips": "even", "layer": "codes", "pooling": "flatten"}
VALUES = {
    "compute": {"threads": 1, "instruction_set": "native"},
    "features": {"microbatch": 3, "memory": 1},
    "random_init": {"seeds": 2},
}
FOLDER = Path("data/weights/videogpt")


def architecture(**changed):
    return msgspec.convert(SHAPE | changed, videogpt.Architecture)


@pytest.mark.usefixtures("project")
def test_the_sample_is_spread_over_all_shards():
    video = np.arange(21, dtype=np.uint8)[:, None, None, None, None] * np.ones((1, 4, 16, 16, 3), np.uint8)
    written(Path("data/clips/many"), [2, 10], video)
    sample = Setting.of(VALUES, Untrained(**ROW | {"clips": "many"}), "a-row").sample
    assert sample[:, 0, 0, 0, 0].tolist() == [0, 3, 6, 9, 12, 15, 18]
    few = Setting.of(VALUES, Untrained(**ROW), "a-row").sample
    assert few.shape == (5, 4, 16, 16, 3)  # of ten: every second


@pytest.mark.usefixtures("project")
def test_a_random_row_has_a_codebook_of_the_clips_latents():
    networks.random(VALUES, Untrained(**ROW), "a-row")
    found = [read(folder) for folder in folders("random", "a-row")]
    for seed, (features, recipe) in enumerate(found):
        torch.manual_seed(seed)
        network = videogpt.build(architecture()).requires_grad_(False)
        x = torch.from_numpy(VIDEO[:, :4]).permute(0, 4, 1, 2, 3) / 255 - 0.5
        videogpt.fill_codebook(network, x[::2])
        assert recipe["weights"] == {"seed": seed, "digest": weights.digest(network)}
        expected = pooling("flatten", "a-row")(videogpt.layer(network, x, "codes")).numpy()
        assert np.mean(features == expected) > 0.9  # where a token is as near to two rows, the batch decides
        assert len(np.unique(features.round(5).reshape(10, -1), axis=0)) == 10  # no two clips have the same codes
    assert np.abs(found[0][0] - found[1][0]).max() > 1e-3


def trained(**changed):
    """Weights of strides 4, 4, 4 whose provenance says so, and a row of other `architecture`."""
    torch.manual_seed(5)
    told = {key: value for key, value in SHAPE.items() if key != "resolution"} | {"downsample": [4, 4, 4]}
    weights.save(FOLDER, videogpt.build(architecture()), {"architecture": told, "trained_frames": 16})
    row = Backbone(**ROW | {"weights": "videogpt", "architecture": SHAPE | changed})
    return networks.pretrained(VALUES, row, "pretrained", "a-row")


@pytest.mark.usefixtures("project")
def test_a_row_has_the_strides_that_its_weights_know():
    for same in ({}, {"downsample": [4, 4, 4]}, {"resolution": 32}):
        assert trained(**same).startswith("a-row: 10 clips to")
    before = read(Path("data/features/pretrained/a-row"))
    with pytest.raises(UserError) as told:
        trained(downsample=[4, 2, 2])
    assert str(told.value) == (
        "params.yaml: `a-row.architecture`: got downsample [4, 2, 2], expected downsample [4, 4, 4], which the weights "
        "of data/weights/videogpt were trained with"
    )
    assert before[1] == read(Path("data/features/pretrained/a-row"))[1]


@pytest.mark.usefixtures("project")
def test_a_provenance_that_no_architecture_can_be_read_from_is_refused():
    trained()
    path = FOLDER / weights.PROVENANCE
    path.write_text(path.read_text().replace('"n_codes"', '"codes"'))
    row = Backbone(**ROW | {"weights": "videogpt"})
    with pytest.raises(UserError, match=r"provenance\.json: `architecture`.*unknown key `codes`"):
        networks.pretrained(VALUES, row, "pretrained", "a-row")


@pytest.mark.usefixtures("project")
def test_all_that_a_provenance_records_is_held_to_not_strides_alone():
    trained()
    path = FOLDER / weights.PROVENANCE
    path.write_text(path.read_text().replace('"n_codes"', '"resolution": 32, "n_codes"'))
    with pytest.raises(UserError, match="got resolution 16, expected resolution 32, which the weights of"):
        networks.pretrained(VALUES, Backbone(**ROW | {"weights": "videogpt"}), "pretrained", "a-row")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("count", "step"), [(1, 1), (7, 1), (8, 1), (9, 2), (16, 2), (17, 3), (20, 3)])
def test_the_sample_is_of_eight_clips_at_most(count, step):
    video = np.arange(count, dtype=np.uint8)[:, None, None, None, None] * np.ones((1, 4, 16, 16, 3), np.uint8)
    written(Path("data/clips/some"), list(range(1, count, 4)), video)
    sample = Setting.of(VALUES, Untrained(**ROW | {"clips": "some"}), "a-row").sample
    assert sample[:, 0, 0, 0, 0].tolist() == list(range(0, count, step))


@pytest.mark.usefixtures("project")
def test_the_sample_holds_a_shard_at_a_time():
    video = np.zeros((160, 4, 64, 64, 3), np.uint8)
    written(Path("data/clips/wide"), list(range(10, 160, 10)), video)
    setting = Setting.of(VALUES, Untrained(**ROW | {"clips": "wide"}), "a-row")
    tracemalloc.start()
    assert len(setting.sample) == 8
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < video.nbytes / 2
