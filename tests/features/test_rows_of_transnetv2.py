"""A row of transnetv2, from clips to the features of its pretrained, random and permuted networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small import VIDEO, place, values

from trajprobe.backbones import transnetv2, weights
from trajprobe.features.extract import extract
from trajprobe.features.perturbations import middle_frame, permute_weights
from trajprobe.files.feature_shards import read

SHAPE = {"filters": 1, "cells": 2}
ROW = {
    "family": "transnetv2",
    "architecture": SHAPE,
    "weights": "cuts",
    "layer": "block2",
    "pooling": "mean",
    "perturbations": ["middle-frame", "permuted-weights"],
}


def built(seed):
    torch.manual_seed(seed)
    return transnetv2.build(transnetv2.Architecture(**SHAPE)).requires_grad_(False)


def means(network, video=VIDEO):
    """Mean of block 2 over space and time: [b 1 d]."""
    x = transnetv2.preprocess(torch.from_numpy(video))
    return transnetv2.layer(network, x, "block2").mean(dim=(2, 3, 4))[:, None].numpy()


@pytest.mark.usefixtures("project")
def test_a_row_has_the_features_of_each_of_its_networks():
    weights.save(Path("data/weights/cuts"), built(7), {"family": "transnetv2", "trained_frames": 100})
    line = extract(values(**ROW), "net")
    assert line == "net: 5 x 10 clips to 1 x 8 features (block2.mean)"
    permuted = built(7)
    permute_weights(permuted)
    expected = {
        ("pretrained", "plain"): means(built(7)),
        ("pretrained", "middle-frame"): means(built(7), middle_frame(VIDEO)),
        ("permuted-weights", "plain"): means(permuted),
        ("random/0", "plain"): means(built(0)),
        ("random/1", "plain"): means(built(1)),
    }
    for (network, video), features in expected.items():
        got, recipe = read(place("net", network, video, "block2.mean"))
        np.testing.assert_allclose(got, features, atol=1e-5)
        assert recipe["architecture"] == SHAPE
    assert len({features.tobytes() for features in expected.values()}) == len(expected)
