"""Most tests hold intervals to oracles of clips alone: test_sample.py tests what training clips add."""

import pytest

from trajprobe.compare import arrow_of_time, sample


@pytest.fixture(scope="package", autouse=True)
def training_adds_nothing():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "TRAINING", 0.0)
        patch.setattr(sample, "FEW_LABELS", 1.0)
        patch.setattr(arrow_of_time, "DIRECTIONS", 1.0)
        yield
