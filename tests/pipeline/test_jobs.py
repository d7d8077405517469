"""`make repro JOBS=n` gives what `dvc repro` gives, to the byte, with stages side by side: real runs in real clones."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WROTE = re.compile(r"^(\S+) \| (.*)$", re.MULTILINE)
START = "import sys; sys.path.insert(0, 'src'); from trajprobe.cli import main; main()"


def ran(told):
    """The stages that ran under `--jobs`, and those that the `dvc repro` at its end had still to run."""
    side_by_side = {name for name, text in WROTE.findall(told) if text.startswith(("Running stage", "Verifying"))}
    return side_by_side, set(re.findall(r"^Running stage '([^']+)'", told, re.MULTILINE))


def edges(repository):
    """Which stage needs which, as DVC draws it."""
    return re.findall(r'"([^"]+)" -> "([^"]+)"', repository.run("dvc", "dag", "--dot"))


def ask(clone, code):
    """What `code` prints (as JSON) in the clone, with its own modules."""
    head = "import json, sys; sys.path.insert(0, 'src'); from trajprobe.jobs import _order, _plan, locked\n"
    return json.loads(clone.run("python", "-c", head + code).splitlines()[-1])


def stale(clone):
    """What would be run, and what each waits for."""
    return ask(clone, "print(json.dumps(_plan()[1]))")


@pytest.fixture
def fresh(reproduced, tmp_path):
    """A clone with sources alone: no results, no dvc.lock, and an empty cache of its own."""
    clone = reproduced.clone(tmp_path / "fresh")
    clone.git("rm", "--quiet", "-r", "dvc.lock", "metrics")
    return clone


def test_from_nothing_it_gives_the_bytes_of_the_sequential_run_and_then_has_nothing_to_do(reproduced, fresh):
    status, told = fresh.trajprobe("repro", "--jobs", "3")
    assert status == 0, told
    assert ran(told) == (reproduced.ran, set())
    assert (fresh.folder / "dvc.lock").read_bytes() == (reproduced.folder / "dvc.lock").read_bytes()
    assert fresh.summary() == reproduced.summary()
    assert fresh.git("status", "--porcelain", "dvc.lock") == ""  # staged, as core.autostage asks
    fresh.git("add", "metrics")
    assert fresh.git("status", "--porcelain") == ""

    wrote = [name for name, _ in WROTE.findall(told)]
    first = {name: wrote.index(name) for name in wrote}
    last = {name: place for place, name in enumerate(wrote)}
    needed = edges(fresh)
    assert len(needed) > 30
    for before, after in needed:
        assert last[before] < first[after], (before, after)
    at_once = [sum(first[name] <= place <= last[name] for name in first) for place in range(len(wrote))]
    assert max(at_once) == 3
    assert "\r" not in told

    status, told = fresh.trajprobe("repro", "--jobs", "3")
    assert status == 0, told
    assert WROTE.findall(told) == []
    assert "Data and pipelines are up to date." in told
    assert fresh.git("status", "--porcelain") == ""


def test_a_failure_stops_what_needs_it_alone_and_is_listed_and_mended(reproduced, clone):
    family = clone.folder / "src/trajprobe/backbones/extent.py"
    sound = family.read_text()
    family.write_text("raise ZeroDivisionError('spoilt')\n")
    clone.set(7, "controls", "noise", "seed")
    status, told = clone.trajprobe("repro", "--jobs", "2")
    assert status == 2
    assert told.splitlines()[-1] == (
        "trajprobe: error: 1 of 5 stages failed: controls@extent; left out, since they need these: "
        "probe_controls@extent, compare; the reasons stand above and in logs/; mend them and run this again"
    )
    assert "controls@extent | ZeroDivisionError: spoilt" in told
    assert ran(told) == ({"controls@extent", "controls@noise", "probe_controls@noise"}, set())
    now, before = clone.lock(), reproduced.lock()
    changed = {name for name in before if now[name] != before[name]}
    assert changed == {"controls@noise", "probe_controls@noise"}
    assert list(now) == list(before)

    family.write_text(sound)
    status, told = clone.trajprobe("repro", "--jobs", "2")
    assert status == 0, told
    assert ran(told) == ({"compare"}, set())
    assert clone.summary()["controls"]["extent"] == reproduced.summary()["controls"]["extent"]


def test_only_what_changed_and_what_needs_it_is_looked_at(clone):
    assert stale(clone) == {}
    clone.append("params.yaml", "# a comment")
    (clone.folder / "data/report/table.md").unlink()
    assert stale(clone) == {"compare": []}
    clone.set(7, "controls", "noise", "seed")
    assert stale(clone) == {
        "controls@noise": [],
        "probe_controls@noise": ["controls@noise"],
        "compare": ["probe_controls@noise"],
    }


def test_a_frozen_stage_waits_for_nothing_and_lets_nothing_through(clone):
    pipeline = clone.folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("\n  prepare:\n", "\n  prepare:\n    frozen: true\n"))
    clone.set(7, "synthetic", "seed")
    assert stale(clone) == {"synthetic": []}
    status, told = clone.trajprobe("repro", "--jobs", "2")
    assert status == 0, told
    assert ran(told) == ({"synthetic"}, set())


def test_a_data_file_is_a_step_like_any_other(clone, tmp_path):
    write = "import numpy as n; n.savez('{}', trajectories=n.random.default_rng({}).random((40, 9, 2)), labels={})"
    labels = "n.arange(40) % 2"
    clone.run("python", "-c", write.format(tmp_path / "mine.npz", 0, labels))
    assert clone.trajprobe("data", "import", tmp_path / "mine.npz", "--name", "mine")[0] == 0
    clone.set("mine", "dataset")
    assert "data/raw/mine.npz.dvc" not in stale(clone)
    path = clone.folder / "data/raw/mine.npz"
    path.unlink()
    clone.run("python", "-c", write.format(path, 1, labels))
    plan = stale(clone)
    assert plan["data/raw/mine.npz.dvc"] == []
    assert plan["prepare"] == ["data/raw/mine.npz.dvc"]
    pointer = path.with_name("mine.npz.dvc")
    old = pointer.read_text()
    path.unlink()
    assert "data/raw/mine.npz.dvc" in clone.trajprobe("repro", "--jobs", "2")[1].splitlines()[-1]
    assert pointer.read_text() == old
    clone.run("python", "-c", write.format(path, 1, "n.arange(40) * 0"))  # one class: prepare refuses it
    told = clone.trajprobe("repro", "--jobs", "2")[1]
    assert ran(told) == ({"data/raw/mine.npz.dvc", "prepare"}, set())
    assert pointer.read_text() != old


def test_new_entries_of_the_lock_come_into_the_order_of_dvc_repro_and_old_ones_stay(clone):
    right = (clone.folder / "dvc.lock").read_bytes()
    yaml = YAML()
    content = yaml.load(clone.folder / "dvc.lock")
    content["stages"] = {name: content["stages"][name] for name in reversed(list(content["stages"]))}
    yaml.dump(content, clone.folder / "dvc.lock")
    backwards = list(clone.lock())
    old = backwards[3:7]
    order = f"_order(_plan()[0], {old}); print(json.dumps(list(locked())))"
    assert ask(clone, order) == old + [name for name in reversed(backwards) if name not in old]
    assert clone.git("diff", "--name-only") == ""  # all of it staged
    ask(clone, "_order(_plan()[0], []); print(1)")
    assert (clone.folder / "dvc.lock").read_bytes() == right


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_interrupted_its_stages_end_too_and_the_lock_is_as_it_was(clone, number):
    clone.set(10**6, "pretrain", "magvit2-tiny", "steps")
    clone.set(10**6, "pretrain", "magvit2-tiny-shuffled", "steps")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Where tests run in the background SIGINT is ignored, and what they start inherits that.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", heeding + START, "repro", "--jobs", "2"]
    with subprocess.Popen(
        command, cwd=clone.folder, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        begun = set()
        for line in process.stdout:
            begun |= {name for name, text in WROTE.findall(line) if "threads" in text}
            if len(begun) == 2:
                break
        assert begun == {"pretrain@magvit2-tiny", "pretrain@magvit2-tiny-shuffled"}
        assert len(at_work(clone.folder)) >= 5  # each stage: DVC, and what it started
        process.send_signal(number)
        told = process.communicate(timeout=30)[0]
    assert process.returncode == 130
    assert told.splitlines()[-1] == "trajprobe: interrupted"
    assert "Traceback" not in told
    assert at_work(clone.folder) == []
    assert clone.git("diff", "--name-only", "HEAD", "dvc.lock") == ""
    clone.git("checkout", "--quiet", "params.yaml")
    clone.repro()  # brings back what DVC had removed for the two stages to write
    assert clone.git("status", "--porcelain") == ""


def at_work(folder):
    """The processes whose current folder that is."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cwd").readlink() == folder:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [entry.name] if state not in "ZX" else []
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def test_a_pipeline_that_dvc_cannot_read_is_told_in_one_line(clone):
    clone.append("dvc.yaml", "  other: {cmd: echo, outs: [data/report/table.md]}")
    status, told = clone.trajprobe("repro", "--jobs", "2")
    assert status == 2
    assert told.startswith("trajprobe: error: dvc: ")
    assert "data/report/table.md" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "command"), [([], "dvc repro"), (["JOBS=1"], "dvc repro"), (["JOBS=3"], "trajprobe repro --jobs 3")]
)
def test_make_runs_side_by_side_only_when_asked_to(given, command):
    environment = {key: value for key, value in os.environ.items() if key not in ("JOBS", "MAKEFLAGS", "MAKELEVEL")}
    told = subprocess.run(
        ["make", "--dry-run", "repro", *given], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert [line for line in told.stdout.splitlines() if "repro" in line] == [command]
