"""A real repository, small: the tracked files as they are, tiny parameters, and one whole `dvc repro`."""

import contextlib
import copy
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import warm_python
from filelock import FileLock
from ruamel.yaml import YAML

from trajprobe.check import check
from trajprobe.errors import UserError
from trajprobe.params import read

ROOT = Path(__file__).parents[1]
TRACER = ROOT / "tests/pipeline/tracer"
TINY = {
    "synthetic": {"clips": 60, "pool": 40, "points": 20},
    "prepare": {"folds": 2},
    "features": {"microbatch": 4, "seeds": 2, "arrow_of_time": "none"},
    "probe": {
        "inner_folds": 2,
        "logistic": {"c": [0.1, 1.0], "max_iter": 1000},
        "pca_above": 1000,
        "pca_components": 5,
        "permutations": 2,
        "few_shot": {"draws": 2, "c": 1},
        "code_length": {"draws": 2, "c": [0.1]},
        "attentive": {
            "heads": 2,
            "width": 4,
            "steps": 3,
            "batch": 8,
            "learning_rate": [0.01],
            "weight_decay": 0.01,
        },
    },
}
#: Rows of which others say as much: a run takes seconds less for each.
LEFT_OUT = ("magvit2-tiny-mean", "magvit2-tiny-shuffled-mean", "start-position", "transnetv2")
#: Of family magvit2_tiny, in place of its default.
ARCHITECTURE = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 0, "bits": 6}


def change(values, value, *keys):
    """Sets one value of nested mappings; None removes the key."""
    for key in keys[:-1]:
        values = values[key]
    if value is None:
        del values[keys[-1]]
    else:
        values[keys[-1]] = value


class Repository:
    """A git and DVC repository in a temporary folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @property
    def cache(self):
        return self.folder / ".dvc/cache"

    def run(self, *command, fails=False, **variables):
        """Runs a command at the top of the repository; returns what it printed."""
        environment = warm_python.environment() | {"TRAJPROBE_WORKERS": "1"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            command, cwd=self.folder, env=environment | variables, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, output
        return output

    def trajprobe(self, *arguments):
        """The command line, from this repository's own source; returns its exit status and what it printed."""
        code = "import sys; sys.path.insert(0, 'src'); from trajprobe.cli import main; main()"
        done = subprocess.run(
            ["python", "-c", code, *map(str, arguments)],
            cwd=self.folder,
            env=warm_python.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def check(self):
        """What `trajprobe check` says, from this process, which has torch already; None where all is well."""
        with contextlib.chdir(self.folder):
            try:
                check(read())
            except UserError as error:
                return str(error)
        return None

    def repro(self, *arguments, **variables):
        """`dvc repro`, run cache and all; returns the names of the stages that ran, or came from the run cache."""
        output = self.run("dvc", "repro", *arguments, **variables)
        return {ran or cached for ran, cached in re.findall(r"Running stage '(.+?)'|Stage '(.+?)' is cached", output)}

    def stale(self):
        """The names of the stages, or .dvc files, that have changed as such: what would run first."""
        return set(json.loads(self.run("dvc", "status", "--json")))

    def git(self, *arguments):
        return self.run("git", *arguments)

    def clone(self, folder, cache=None):
        """A clone of it: with its data checked out of `cache`, or with an empty one of its own."""
        copy = Repository(folder)
        self.git("clone", "--quiet", str(self.folder), str(folder))
        copy.git("config", "user.email", "test@example.org")
        copy.git("config", "user.name", "Test")
        if cache:
            copy.run("dvc", "cache", "dir", "--local", str(cache))
            copy.run("dvc", "checkout", "--quiet")
        return copy

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def params(self):
        return YAML(typ="safe").load((self.folder / "params.yaml").read_text())

    def set(self, value, *keys):
        """Sets one value of params.yaml; None removes the key."""
        values = self.params()
        change(values, value, *keys)
        self.write(values)

    def keep_rows(self, *names):
        """Removes the other rows of params.yaml, their pretraining, and perturbations: each takes seconds of a run."""
        values = self.params()
        values["rows"] = {name: values["rows"][name] | {"perturbations": []} for name in names}
        used = {row["weights"] for row in values["rows"].values()}
        for section in ("package_weights", "pretrain"):
            values[section] = {name: recipe for name, recipe in values[section].items() if name in used}
        self.write(values)

    def write(self, values):
        with (self.folder / "params.yaml").open("w") as file:
            YAML(typ="safe").dump(values, file)

    def append(self, path, line):
        with (self.folder / path).open("a") as file:
            file.write(f"{line}\n")

    def summary(self):
        return json.loads((self.folder / "metrics/summary.json").read_text())

    def details(self):
        return json.loads((self.folder / "metrics/details.json").read_text())

    def lock(self):
        return YAML(typ="safe").load((self.folder / "dvc.lock").read_text())["stages"]


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory, worker_id):
    """The repository after its first `dvc repro`, committed: one for all of pytest's workers.

    `.ran` are the stages that ran; `.loaded` maps each command to the modules it loaded.
    """
    top = tmp_path_factory.getbasetemp()
    top = top if worker_id == "master" else top.parent
    repository, told = Repository(top / "reproduced"), top / "reproduced.json"
    with FileLock(top / "reproduced.lock"):
        if not told.exists():
            told.write_text(json.dumps(_reproduce(repository)))
    ran, repository.loaded = json.loads(told.read_text())
    repository.ran = set(ran)
    return repository


def _reproduce(repository):
    """What `reproduced` tells: the stages that ran, and the modules that each command loaded."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "tests/")) and name != "dvc.lock":
            (repository.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repository.folder / name)
    values = repository.params()
    for section, changes in TINY.items():
        values[section] |= changes
    values["clips"] = {"t17": {"frames": 9, "resolution": 16, "scene": "cluttered", "levels": [1]}}
    values["package_weights"] = {}
    for recipe in values["pretrain"].values():
        recipe |= {"steps": 2, "batch": 4, "seeds": 2}
    for row in LEFT_OUT:
        del values["rows"][row]
    for network in (*values["pretrain"].values(), values["rows"]["magvit2-tiny"]):
        network["architecture"] = copy.deepcopy(ARCHITECTURE)  # no YAML anchor, of which DVC changes one copy
    repository.write(values)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.git("config", "user.email", "test@example.org")
    repository.git("config", "user.name", "Test")
    repository.commit("Sources")
    trace = repository.folder.parent / f"{repository.folder.name}.trace"
    ran = repository.repro(PYTHONPATH=str(TRACER), TRAJPROBE_TEST_TRACE=str(trace))
    repository.commit("Results")
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    return sorted(ran), {" ".join(line["argv"]): line["files"] for line in lines}


@pytest.fixture
def clone(reproduced, tmp_path):
    """A clone of the reproduced repository, its data checked out from the same cache."""
    return reproduced.clone(tmp_path / "clone", reproduced.cache)
