"""All stages from `prepare` on, over tracks of a test, one after the other in this process."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from tiny_repository import ROOT, TINY, Repository

from trajprobe.check import check
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.errors import UserError
from trajprobe.files.atomic import write_npz
from trajprobe.params import read


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
    write_tracks(tracks, labels)
    write(parameters("mine", controls, rows, clips=clips, scenes=scenes or {}, features=features))
    return details_of_all_stages()


def begin(folder, monkeypatch):
    """Has the stages of a test run in `folder`, with a store of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")
    monkeypatch.setenv("TRAJPROBE_STORE", str(folder / "store"))
    monkeypatch.setattr(sys, "path", list(sys.path))  # scripts put `src` in its first place


def begin_with_dvc(folder, monkeypatch):
    """The same in a repository of git and DVC, which it returns: imports and added weights need one."""
    begin(folder, monkeypatch)
    repository = Repository(folder)
    repository.git("init", "--quiet")
    repository.run("dvc", "init", "--quiet")
    return repository


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


def right_or_left(count):
    """Tracks that go right or left, (n 17 2), and which (n)."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    steps = np.linspace(0, 1, 17) * np.where(labels, 1, -1)[:, None] * generator.uniform(0.5, 1, (count, 1))
    return np.stack([steps, generator.normal(0, 0.02, steps.shape)], axis=-1), labels


def write_tracks(tracks, labels):
    """Makes them the data set `mine`."""
    Path("data/raw").mkdir(parents=True)
    np.savez("data/raw/mine.npz", trajectories=tracks, labels=labels)


def change_row(name, **changes):
    """Changes keys of a row of params.yaml."""
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    values["rows"][name] |= changes
    write(values)


def refusal():
    """What `trajprobe check` says; None where all is well."""
    try:
        check(read())
    except UserError as error:
        return str(error)
    return None


def prepare():
    """Runs `prepare`, beside a small pool."""
    write_npz(Path("data/raw/synthetic_pool.npz"), arrays(20, Synthetic(20, 20, 20, 0.5, 0.0, 0, 1), 1))
    return stage("prepare")


def pictures_and_page():
    """Runs the last stages, and returns what the page's printed."""
    for row in read()["rows"]:
        stage("pictures", row)
    return stage("report")


def summary(folder):
    """What `dvc metrics diff` shows."""
    return json.loads((folder / "metrics/summary.json").read_text())


def stage(name, *arguments):
    """Runs a stage's script, and returns its last line."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / f"stages/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.main(*arguments)
