"""The default run from nothing, what it is made of, and what a run costs in which little or nothing has changed.

In a copy of this checkout with an empty store and an empty cache. *Start* is the time to start Python and import
packages, *work* what remains of a stage; what is spent between stages is DVC's own. The bare pipeline has as many
stages as ours, each with one dependency, one parameter, one output and a command that writes a number; then it has as
many dependencies as ours too, which are small files, and then our params.yaml, which DVC reads for each stage. `dvc
root` is DVC's start. *One change* is another `compare.margin`, which reruns `compare` and `report`; in the bare
pipeline two stages rerun. The remote is a folder; `trajprobe pull` fetches into a fresh clone what a laptop needs,
`dvc pull` all that was pushed.
"""

import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from bare_pipeline import BarePipeline
from measure import ROOT, Row, Timed, children_seconds, in_turns, paired, run
from numpy.typing import NDArray
from ruamel.yaml import YAML

from trajprobe.params import read

#: In front of PATH while the pipeline runs: notes when a stage's Python began and ended.
PYTHON = """#!/bin/sh
begun=$(date +%s.%N)
PYTHONPATH={start} {python} "$@"
status=$?
echo "[\\"$DVC_STAGE\\", \\"whole\\", $begun, $(date +%s.%N)]" >> "$BENCH_TRACE"
exit $status
"""
#: The goal: a run without a change, as a multiple of the bare pipeline's.
NO_OP = 1.25
CLI = "import sys; sys.path.insert(0, 'src'); from trajprobe.cli import main; main()"


def shrink(values: dict) -> None:  # type: ignore[type-arg]
    """What `quick` runs: one control of a few clips."""
    values["synthetic"] |= {"clips": 60, "pool": 20, "points": 20}
    values["clips"] = {"t5": {"frames": 5, "resolution": 16}}
    values["package_weights"] = values["pretrain"] = {}
    values["features"]["arrow_of_time"] = "none"
    values["rows"] = {"kinematics": values["rows"]["kinematics"] | {"clips": "t5"}}
    values["probe"] |= {"classifier": "ridge", "permutations": 5}
    values["compare"]["primary"] = "kinematics"


class Checkout:
    """A copy of this checkout's files, as a repository of its own."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT).split("\0")
        for name in listed:
            if (ROOT / name).is_file() and not (quick and name == "dvc.lock"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.values = read(folder / "params.yaml")
        if quick:
            shrink(self.values)
            self.write()
        run("git", "init", "--quiet", cwd=folder)
        self.commit("Sources")

    def commit(self, message: str) -> None:
        run("git", "add", "--all", cwd=self.folder)
        # --allow-empty: a run may make just what is committed.
        run("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "--allow-empty",
            "--message", message, cwd=self.folder)  # fmt: skip

    def write(self) -> None:
        with (self.folder / "params.yaml").open("w") as file:
            YAML(typ="safe").dump(self.values, file)

    def lengths(self) -> tuple[int, int]:
        """Stages in dvc.lock, and how many dependencies one has on average."""
        stages = YAML(typ="safe").load((self.folder / "dvc.lock").read_text())["stages"].values()
        return len(stages), round(sum(len(stage["deps"]) for stage in stages) / len(stages))

    def traced(self, top: Path) -> tuple[float, list[list[object]]]:
        """Seconds of `dvc repro`, and what its processes noted."""
        shim, trace = top / "bin/python", top / "trace"
        shim.parent.mkdir()
        real = shutil.which("python")
        shim.write_text(PYTHON.format(python=real, start=ROOT / "benchmarks/traced_start"))
        shim.chmod(0o755)
        path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
        begun = time.time()
        run("dvc", "repro", cwd=self.folder, env=os.environ | {"PATH": path, "BENCH_TRACE": str(trace)})
        return time.time() - begun, [json.loads(line) for line in trace.read_text().splitlines()]


def of_stages(total: float, noted: list[list[object]]) -> Iterator[Row]:
    """What the seconds of a run are made of, by kind of stage, the longest first."""
    spans: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for stage, what, first, second in noted:
        spans[str(stage)][str(what)] = float(str(first)), float(str(second))
    kinds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for stage, found in spans.items():
        begun, ended = found["whole"]
        started, imports = found["imports"]
        kinds[stage.partition("@")[0]].append((ended - begun, started - begun + imports))
    whole, start = (sum(each[part] for of in kinds.values() for each in of) for part in (0, 1))
    yield Row(what="the whole run", value=total, unit="s", note=f"{len(spans)} stages")
    for name, seconds in (("work of stages", whole - start), ("start of stages", start), ("DVC's own", total - whole)):
        yield Row(what=name, value=seconds, unit="s", peer="the whole run", peer_value=total, ratio=seconds / total)
    for kind, of in sorted(kinds.items(), key=lambda item: -sum(each[0] for each in item[1])):
        seconds, start = (sum(each[part] for each in of) for part in (0, 1))
        yield Row(what=f"{kind}, {len(of)} stages" if len(of) > 1 else kind, value=seconds, unit="s",
                  peer="the whole run", peer_value=total, ratio=seconds / total,
                  note=f"start {start:.1f} s, work {seconds - start:.1f} s")  # fmt: skip


def both_clocks(
    what: str, ours: Timed, peers: dict[str, Timed], runs: int, at_most: float | None = None
) -> Iterator[Row]:
    """Rows of wall time and of processor time, of commands that run in turns; the goal is held against the first."""

    def clocks() -> NDArray[np.float64]:
        return np.array([time.perf_counter(), children_seconds()])

    taken = in_turns({"": ours, **peers}, runs, clocks, 0)
    for part, clock in enumerate(("wall time", "processor time")):
        own, *others = ([float(each[part]) for each in of] for of in taken.values())
        for number, (peer, values) in enumerate(zip(peers, others, strict=True)):
            goal = None if number else at_most
            yield paired(f"{what}, {clock}", own, peer, values, "s", at_most=goal)


def rows(*, quick: bool) -> Iterator[Row]:
    top, runs = Path.cwd(), 1 if quick else 5
    checkout = Checkout(top / "checkout", quick=quick)
    total, noted = checkout.traced(top)
    checkout.commit("Results")
    yield from of_stages(total, noted)
    stages, dependencies = checkout.lengths()
    bare = BarePipeline(top / "bare", stages)
    wide = BarePipeline(top / "wide", stages, dependencies - 1)
    full = BarePipeline(top / "full", stages, dependencies - 1, checkout.values)
    repro = partial(run, "dvc", "repro", cwd=checkout.folder)
    repro()
    peers: dict[str, Timed] = {
        "bare pipeline": partial(bare.run, "dvc", "repro"),
        f"with {dependencies} dependencies a stage": partial(wide.run, "dvc", "repro"),
        "and our params.yaml": partial(full.run, "dvc", "repro"),
        "dvc root": partial(run, "dvc", "root", cwd=checkout.folder),
    }
    yield from both_clocks("no change", repro, peers, runs, at_most=NO_OP)

    def change() -> None:
        checkout.values["compare"]["margin"] += 0.001
        checkout.write()
        repro()

    def change_bare() -> None:
        bare.change(2)
        bare.run("dvc", "repro")

    yield from both_clocks("one change", change, {"bare pipeline": change_bare}, min(runs, 3))
    checkout.commit("Another margin")
    run("python", "-c", CLI, "remote", "add", top / "remote", cwd=checkout.folder)
    begun = time.perf_counter()
    run("dvc", "push", cwd=checkout.folder)
    size = sum(path.stat().st_size for path in (top / "remote").rglob("*") if path.is_file()) / 1e6
    yield Row(what="dvc push", value=time.perf_counter() - begun, unit="s", note=f"{size:.1f} MB to a folder")
    fetch = pull(checkout, top, "python", "-c", CLI, "pull")
    all_of_it: dict[str, Timed] = {"dvc pull": pull(checkout, top, "dvc", "pull", "--allow-missing")}
    yield from both_clocks("into a fresh clone", fetch, all_of_it, min(runs, 2))


def pull(checkout: Checkout, top: Path, *command: str) -> Timed:
    """What clones the checkout, and runs a command there; cloning takes a tenth of a second."""

    def ours() -> None:
        clone = top / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        run("git", "clone", "--quiet", checkout.folder, clone)
        run("python", "-c", CLI, "remote", "add", top / "remote", cwd=clone)
        run(*command, cwd=clone)

    return ours
