"""Damage to anything that a stage reads is refused in one line, or changes no byte of what the stage makes.

A longer run: TRAJPROBE_CASES=1000 pytest tests/torture/test_flips.py
"""

import importlib.util
import json
import random
import sys
from pathlib import Path

import pytest
from damage import damaged
from limits import cases

from trajprobe.errors import UserError

STAGES = Path(__file__).parents[2] / "stages"
#: Of each stage: its arguments, what it reads, what it makes; and how much of the damage it must refuse, since some of
#: it falls on what says nothing: the padding of a file, or a layer that the row does not use.
READ = {
    "prepare": ((), ("data/raw/*.npz",), ("data/trajectories/*",), 0.7),
    "render": (("t17",), ("data/trajectories/tracks.npz",), ("data/clips/t17/*", "data/results/clips/*.json"), 0.7),
    "pretrain": (
        ("magvit2-tiny",), ("data/trajectories/pool.npz",), ("data/weights/magvit2-tiny/**/*.safetensors",), 0.7,
    ),
    "features": (
        ("magvit2-tiny-shuffled",), ("data/clips/t17/*", "data/weights/magvit2-tiny-shuffled/**/*.*"),
        ("data/features/magvit2-tiny-shuffled/**/*.*",), 0.7,
    ),
    "probe": (
        ("noise",), ("data/features/noise/**/*.*", "data/trajectories/labelling.npz"),
        ("data/results/probes/noise.json",), 0.7,
    ),
    "pictures": (
        ("coordinates",), ("data/clips/t17/*", "data/trajectories/labelling.npz"),
        ("data/pictures/coordinates/**/*.*",), 0.7,
    ),
    "compare": (
        (), ("data/trajectories/labelling.npz", "data/trajectories/guards.json", "data/results/**/*.json",
             "data/features/**/manifest.json"),
        ("metrics/*.json", "metrics/plots/*.csv", "data/report/table.md"), 0.7,
    ),
    "report": (  # it takes few of the features, and shows pictures as they are
        (), ("metrics/details.json", "data/results/probes/magvit2-tiny.json", "data/features/magvit2-tiny/**/*.*",
             "data/trajectories/labelling.npz", "data/pictures/**/*.*"),
        ("data/report/report.html", "data/report/figures/*.svg"), 0.2,
    ),
}  # fmt: skip


def matching(patterns):
    return {path: path.read_bytes() for pattern in patterns for path in sorted(Path().glob(pattern)) if path.is_file()}


@pytest.mark.harm("damage")
@pytest.mark.parametrize("stage", READ)
def test_damage_is_refused_or_changes_nothing(clone, monkeypatch, store_folder, stage, record_property):
    monkeypatch.chdir(clone.folder)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))  # a stage puts its own src first
    spec = importlib.util.spec_from_file_location(f"{stage}_stage", STAGES / f"{stage}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    arguments, reads, makes, share = READ[stage]
    script.main(*arguments)
    read, before = matching(reads), matching(makes)
    assert read
    assert before
    messages, changed = [], 0
    for number in cases(12):
        chance = random.Random(number)
        path = chance.choice(list(read))
        data = damaged(read[path], chance)
        changed += data != read[path]
        path.unlink()
        path.write_bytes(data)
        monkeypatch.setenv("TRAJPROBE_STORE", str(store_folder / str(number)))  # what was made whole hides no damage
        try:
            script.main(*arguments)
        except UserError as error:
            messages.append(str(error))
        except Exception as error:  # noqa: BLE001 (whatever it is, the case is named)
            pytest.fail(f"case {number}, {path}: {type(error).__name__}: {error}")
        path.unlink(missing_ok=True)
        path.write_bytes(read[path])
        made = matching(makes)
        assert made.keys() == before.keys(), (number, path)
        differing = [str(one) for one in before if made[one] != before[one]]
        assert differing == [], (number, path, len(data))
    record_property("times", len(cases(12)))
    assert len(messages) >= share * changed, json.dumps(messages)
    assert not any("\n" in message for message in messages)
