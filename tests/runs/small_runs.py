"""Runs without a pipeline: params.yaml, dvc.lock, DVC's cache and the metrics, as `dvc repro` would have left them."""

import hashlib
import json
import subprocess
from copy import deepcopy
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from trajprobe.files import findings, probe_results
from trajprobe.files.checked_json import write_checked_json
from trajprobe.files.labelling import LABELLING

ROOT = Path(__file__).parents[2]
NET = {"family": "magvit2_tiny", "clips": "t17", "weights": "net", "like": "net", "layer": "hidden"}
PIXELS = {"family": "pixels", "clips": "t17", "weights": "none", "like": "pixels"}


def params(**rows):
    """params.yaml with these rows, the first of them the primary one."""
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    values["rows"] = deepcopy(rows)
    values["compare"] |= {"primary": next(iter(rows)), "reversals": {}}
    return values


def dump(values, path):
    with Path(path).open("w") as file:
        YAML(typ="safe").dump(json.loads(json.dumps(values)), file)  # no anchors


class Repository:
    """A git repository, and the runs that are written into it."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.email", "test@example.org")
        self.git("config", "user.name", "Test")
        (folder / ".dvc").mkdir()
        (folder / ".gitignore").write_text("/.dvc/cache\n/data\n")

    def git(self, *arguments):
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, values, probes, labelling, weights="w1", headline=None, code="c1", shared_code="s1"):
        """What a run leaves in the working tree.

        Args:
            values: params.yaml.
            probes: probe files.
            labelling: of the clips.
            weights: what stands for the bytes of all weights.
            headline: of metrics/summary.json, where there is one.
            code: what stands for the bytes of the code of features.
            shared_code: what stands for that of all stages.
        """
        dump(values, "params.yaml")
        LABELLING.parent.mkdir(parents=True, exist_ok=True)
        labelling.save(LABELLING)
        findings.save([])
        findings.save([], findings.of_clips("t17"))
        shared = out("data/shared_code.txt", shared_code)
        stages = {
            "check": stage({"rows": {}}, outs=[shared]),
            "prepare": stage(
                {key: values[key] for key in ("dataset", "prepare")},
                deps=[shared],
                outs=[self.cached(LABELLING), self.cached(findings.FINDINGS)],
            ),
        }
        for probe in probes:
            row = values["rows"][probe.row]
            write_checked_json(probe_results.path(probe.row), msgspec.to_builtins(probe))
            features = out(f"data/features/{probe.row}", f"{row}{weights}")
            stages[f"features@{probe.row}"] = stage(
                {f"rows.{probe.row}": row, f"rows.{row['like']}": values["rows"][row["like"]]},
                deps=[
                    shared,
                    out(f"data/weights/{row['weights']}", row["weights"] + weights * (row["weights"] != "none")),
                    out("src/trajprobe/features", code),
                ],
                outs=[features],
            )
            stages[f"probe@{probe.row}"] = stage(
                {"probe": values["probe"]},
                deps=[shared, features, stages["prepare"]["outs"][0]],
                outs=[self.cached(probe_results.path(probe.row))],
            )
        if headline:
            Path("metrics").mkdir(exist_ok=True)
            Path("metrics/summary.json").write_text(json.dumps({"headline": headline}))
            outs = [out("metrics/summary.json", Path("metrics/summary.json").read_text())]
            stages["compare"] = stage({key: values[key] for key in ("dataset", "rows", "compare")}, outs=outs)
        dump({"schema": "2.0", "stages": stages}, "dvc.lock")

    def commit(self, *arguments, branch=None, **changed):
        """Writes a run and commits it, on a new branch where that is named; returns the commit."""
        if branch:
            self.git("switch", "--quiet", "--create", branch)
        self.write(*arguments, **changed)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A run")
        return self.git("rev-parse", "HEAD")

    def cached(self, path):
        """Puts a file into DVC's cache; the out that dvc.lock has of it."""
        found = out(path.as_posix(), path.read_bytes())
        place = Path(".dvc/cache/files/md5", found["md5"][:2], found["md5"][2:])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
        return found


def stage(values, deps=(), outs=()):
    return {"cmd": "true", "deps": [*deps], "params": {"params.yaml": deepcopy(values)}, "outs": [*outs]}


def out(path, content):
    data = content if isinstance(content, bytes) else str(content).encode()
    return {"path": path, "hash": "md5", "md5": hashlib.md5(data).hexdigest()}
