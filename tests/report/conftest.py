"""The rows that tests of the comparison are made of serve the report's too."""

import sys
from pathlib import Path

import pytest

from trajprobe.compare import arrow_of_time, sample

sys.path.append(str(Path(__file__).parents[1] / "compare"))


@pytest.fixture(scope="package", autouse=True)
def training_adds_nothing():
    """As in the tests of the comparison."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "TRAINING", 0.0)
        patch.setattr(sample, "FEW_LABELS", 1.0)
        patch.setattr(arrow_of_time, "DIRECTIONS", 1.0)
        yield
