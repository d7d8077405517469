"""All stages from `prepare` on, over tracks of a test, one after the other in this process."""

import importlib.util
import json
import sys

import numpy as np
from ruamel.yaml import YAML
from tiny_repository import ROOT, TINY

from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.atomic import write_npz


def run(folder, monkeypatch, tracks, labels, controls, rows, *, scenes=None, clips=None, **features):
    """The details that the comparison wrote.

    Args:
        folder: empty; it becomes the top of the repository.
        monkeypatch: pytest's.
        tracks: (n t d).
        labels: (n).
        controls: names of rows of params.yaml.
        rows: further ones, the first of which is the primary one.
        scenes: further ones.
        clips: formats; by default `t17` alone, small.
        features: changes in `features` of params.yaml.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")
    monkeypatch.setenv("TRAJPROBE_STORE", str(folder / "store"))
    monkeypatch.setattr(sys, "path", list(sys.path))  # scripts put `src` in its first place
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    for key, changes in TINY.items():
        values[key] |= changes
    values["dataset"], values["clips"] = "mine", clips or {"t17": {"frames": 9, "resolution": 16}}
    values["scenes"] |= scenes or {}
    values["features"] |= features
    values["pretrain"] = {}
    values["compare"]["primary"] = next(iter(rows))
    values["rows"] = {name: values["rows"][name] for name in controls} | rows
    with (folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    write_npz(folder / "data/raw/synthetic_pool.npz", arrays(20, Synthetic(20, 20, 20, 0.5, 0.0, 0, 1), 1))
    np.savez(folder / "data/raw/mine.npz", trajectories=tracks, labels=labels)
    stage("prepare")
    stage("render", "t17")
    for row in values["rows"]:
        stage("features", row)
        stage("probe", row)
    stage("compare")
    return json.loads((folder / "metrics/details.json").read_text())


def summary(folder):
    """What `dvc metrics diff` shows."""
    return json.loads((folder / "metrics/summary.json").read_text())


def stage(name, *arguments):
    """Runs a stage's script, and returns its last line."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / f"stages/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.main(*arguments)
