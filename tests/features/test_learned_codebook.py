"""Rows of VideoGPT: the codebook of a random network comes from the clips, so that no two clips have the same codes."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from small import VIDEO, files, place, values

from trajprobe.backbones import videogpt, weights
from trajprobe.errors import UserError
from trajprobe.features.extract import extract
from trajprobe.features.tokens import flatten
from trajprobe.files.feature_shards import FEATURES, read

SHAPE = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
ROW = {"family": "videogpt", "architecture": SHAPE, "clips": "even", "layer": "codes", "pooling": "flatten"}

pytestmark = pytest.mark.usefixtures("project")


def test_a_random_row_has_a_codebook_of_the_clips_latents():
    extract(values(microbatch=3, weights="random", **ROW), "net")
    read_folders = [read(place("net", f"random/{seed}", layer="codes.flatten")) for seed in range(2)]
    for seed, (features, recipe) in enumerate(read_folders):
        torch.manual_seed(seed)
        network = videogpt.build(msgspec.convert(SHAPE, videogpt.Architecture)).requires_grad_(False)
        x = torch.from_numpy(VIDEO[:, :4]).permute(0, 4, 1, 2, 3) / 255 - 0.5
        videogpt.fill_codebook(network, x[::2])
        assert recipe["weights"] == {"seed": seed, "digest": weights.digest(network)}
        expected = flatten(videogpt.layer(network, x, "codes")).numpy()
        assert np.mean(features == expected) > 0.9  # where a token is as near to two rows, the batch decides
        assert len(np.unique(features.round(5).reshape(10, -1), axis=0)) == 10  # no two clips have the same codes
    assert np.abs(read_folders[0][0] - read_folders[1][0]).max() > 1e-3


def test_a_row_with_other_strides_than_its_weights_is_refused_and_its_features_stay():
    torch.manual_seed(5)
    network = videogpt.build(msgspec.convert(SHAPE, videogpt.Architecture))
    recorded = {"architecture": {"downsample": [4, 4, 4]}, "trained_frames": 16}
    weights.save(Path("data/weights/w"), network, recorded)
    line = extract(values(**ROW), "trained")
    assert line == "trained: 1 x 10 clips to 1 x 64 features (codes.flatten)"
    before = files(FEATURES)
    with pytest.raises(UserError, match=r"got downsample \[4, 2, 2\], expected downsample \[4, 4, 4\]"):
        extract(values(**ROW | {"architecture": SHAPE | {"downsample": [4, 2, 2]}}), "trained")
    assert files(FEATURES) == before
