"""Most tests hold intervals to oracles of clips alone; what training clips add has tests of its own (test_sample.py)."""

import pytest

from trajprobe.compare import sample


@pytest.fixture(scope="package", autouse=True)
def training_adds_nothing():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "TRAINING", 0.0)
        yield
