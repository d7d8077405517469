"""A flipped bit in anything that `compare` reads is refused in one line, or changes no byte of its results.

A longer run: TRAJPROBE_CASES=1000 pytest tests/torture/test_flips.py
"""

import importlib.util
import random
import sys
from pathlib import Path

import pytest
from limits import cases

from trajprobe.errors import UserError

STAGE = Path(__file__).parents[2] / "stages/compare.py"
MADE = ("metrics/summary.json", "metrics/details.json", "metrics/plots/few_shot.csv", "data/report/table.md")


@pytest.fixture
def compare(clone, monkeypatch):
    """The stage `compare`, in this process, in a clone."""
    monkeypatch.chdir(clone.folder)
    monkeypatch.setattr(sys, "path", list(sys.path))  # a stage puts its own src first
    spec = importlib.util.spec_from_file_location("compare_stage", STAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_a_flipped_bit_is_refused_or_changes_nothing(compare):
    read = [Path("data/trajectories/labelling.npz"), Path("data/trajectories/guards.json")]
    read += sorted(Path("data/results").rglob("*.json")) + sorted(Path("data/features").rglob("manifest.json"))
    compare()
    before = {path: Path(path).read_bytes() for path in MADE}
    messages = []
    for number in cases(30):
        generator = random.Random(number)
        path = generator.choice(read)
        whole = path.read_bytes()
        at = generator.randrange(len(whole))
        path.unlink()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << generator.randrange(8)]) + whole[at + 1 :])
        try:
            compare()
        except UserError as error:
            messages.append(str(error))
        assert {path: Path(path).read_bytes() for path in MADE} == before, (number, path, at)
        path.write_bytes(whole)
    assert len(messages) > 0.7 * len(cases(30))
    assert not any("\n" in message for message in messages)
