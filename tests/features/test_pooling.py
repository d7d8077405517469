"""Each pooling against numpy."""

import numpy as np
import pytest
import torch

from trajprobe.errors import UserError
from trajprobe.features.pooling import POOLINGS, pooling

TOKENS = np.random.default_rng(0).normal(size=(2, 3, 5, 4, 6))

ORACLES = {
    "tmean": TOKENS.mean(axis=(3, 4)).transpose(0, 2, 1),
    "tdiff": np.diff(TOKENS.mean(axis=(3, 4)).transpose(0, 2, 1), axis=1),
    "mean": TOKENS.mean(axis=(2, 3, 4))[:, None],
    "flatten": TOKENS.transpose(0, 2, 3, 4, 1).reshape(2, 5, -1),
}


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling(name):
    found = pooling(name, "a-row")(torch.from_numpy(TOKENS))
    np.testing.assert_allclose(found.numpy(), ORACLES[name], atol=1e-12)


def test_an_unknown_pooling_is_refused_with_the_valid_names():
    with pytest.raises(UserError, match=r"`a-row\.pooling`: got `max`, expected one of tmean, tdiff, mean, flatten"):
        pooling("max", "a-row")
