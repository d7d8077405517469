"""All stages from `prepare` on, over tracks of a test, one after the other in this process."""

import importlib.util
import json
import sys
from pathlib import Path

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
    begin(folder, monkeypatch)
    (folder / "data/raw").mkdir(parents=True)
    np.savez(folder / "data/raw/mine.npz", trajectories=tracks, labels=labels)
    write(parameters("mine", controls, rows, clips=clips, scenes=scenes or {}, features=features))
    return details_of_all_stages()


def begin(folder, monkeypatch):
    """Has the stages of a test run in `folder`, with a store of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")
    monkeypatch.setenv("TRAJPROBE_STORE", str(folder / "store"))
    monkeypatch.setattr(sys, "path", list(sys.path))  # scripts put `src` in its first place


def parameters(dataset, controls, rows, *, clips=None, pretrain=None, **sections):
    """The repository's params.yaml, made small.

    Args:
        dataset: a name.
        controls: names of rows of params.yaml.
        rows: further ones, the first of which is the primary one; without any, the first control is.
        clips: formats; by default `t17` alone, small.
        pretrain: recipes; by default none.
        sections: changes in further sections.
    """
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    for key, changes in TINY.items():
        values[key] |= changes
    for key, changes in sections.items():
        values[key] |= changes
    values["dataset"], values["clips"] = dataset, clips or {"t17": {"frames": 9, "resolution": 16}}
    values["pretrain"], values["package_weights"] = pretrain or {}, {}
    values["rows"] = {name: values["rows"][name] | {"perturbations": []} for name in controls} | rows
    values["compare"]["primary"] = next(iter(rows or values["rows"]))
    return values


def write(values):
    """Writes params.yaml."""
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)


def details_of_all_stages():
    """Runs those that params.yaml names, from `prepare` to the comparison, whose details it returns."""
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    prepare()
    for format_name in values["clips"]:
        stage("render", format_name)
    for weights in values["pretrain"]:
        stage("pretrain", weights)
    for row in values["rows"]:
        stage("features", row)
        stage("probe", row)
    stage("compare")
    return json.loads(Path("metrics/details.json").read_text())


def prepare():
    """Runs `prepare`, beside a small pool."""
    write_npz(Path("data/raw/synthetic_pool.npz"), arrays(20, Synthetic(20, 20, 20, 0.5, 0.0, 0, 1), 1))
    return stage("prepare")


def summary(folder):
    """What `dvc metrics diff` shows."""
    return json.loads((folder / "metrics/summary.json").read_text())


def stage(name, *arguments):
    """Runs a stage's script, and returns its last line."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / f"stages/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.main(*arguments)
