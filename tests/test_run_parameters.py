"""A stage works with the values of params.yaml that its run of DVC began with, or not at all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REAL = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
#: A stage that edits params.yaml while it works, as its argument says.
WORK = """
import threading, time
from pathlib import Path
from trajprobe import run_parameters
from trajprobe.stage import run
run_parameters.PATIENCE = 0.5
PARAMS, TEXT = Path("params.yaml"), Path("params.yaml").read_text()
OTHER = TEXT.replace("folds: 5\\n  seed: 0", "folds: 5\\n  seed: 7")
def later(text):
    threading.Timer(0.3, PARAMS.write_text, [text]).start()
def main(edit):
    if edit == "comment":
        PARAMS.write_text(TEXT + "# a comment")
    if edit == "seed":
        PARAMS.write_text(OTHER)
    if edit == "briefly":
        PARAMS.write_text(OTHER)
        later(TEXT)
    if edit == "saved":
        PARAMS.write_text("")
        later(TEXT)
    if edit == "many":
        PARAMS.write_text(TEXT.replace(": 5", ": 6"))
    if edit == "empty":
        PARAMS.write_text("")
    if edit == "row":
        PARAMS.write_text(TEXT.replace("  pixels: {", "  paint: {"))
    return "made"
run(main)
"""
#: What DVC does: each stage in a shell of its own.
DVC = """
import os, subprocess, sys
for edit in sys.argv[1:]:
    done = subprocess.run(["/bin/sh", "-c", f"{sys.executable} work.py {edit}" + os.environ.get("AFTER", "")])
    print(edit, done.returncode, flush=True)
"""
DVC_YAML = """
stages:
  other: {cmd: work, params: [probe, "clips.t17.frames"]}
  same: {cmd: work, params: [probe, prepare.seed]}
  each: {foreach: "${rows}", do: {cmd: work, params: ["rows.${key}", "rows.${item.like}"]}}
"""
REFUSED = (
    "error: params.yaml: has changed since this run began: {}. A run has one set of values, so it stops here. Run "
    "again with those that you want; finished stages and shards are kept"
)
SEED = REFUSED.format("`prepare.seed` from 0 to 7")


@pytest.fixture
def run(tmp_path):
    """Runs a program of a folder with a params.yaml; returns its status, what it printed, and its errors."""
    for name, text in {"work.py": WORK, "dvc": DVC, "notebook.py": DVC, "dvc.yaml": DVC_YAML}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(*command, **variables):
        (tmp_path / "params.yaml").write_text(REAL, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def test_a_stage_whose_parameters_change_while_it_works_is_refused(run):
    """DVC would write the new value into dvc.lock, beside results of the old one."""
    status, _, errors = run("work.py", "seed")
    assert status == 2
    assert errors.splitlines()[-1] == SEED


@pytest.mark.parametrize("edit", ["comment", "briefly", "saved"])
def test_a_comment_or_what_is_put_back_at_once_is_no_change(run, edit):
    """`dvc exp run --queue` writes other values for a second, and many editors an empty file first."""
    assert run("work.py", edit)[0] == 0


@pytest.mark.parametrize("after", ["", "; exit $?"])  # a shell that gives way to its last command, and one that stays
def test_stages_of_one_run_of_dvc_have_the_same_parameters(run, tmp_path, after):
    _, printed, errors = run("dvc", "nothing", "seed", "comment", "nothing", DVC_STAGE="work", AFTER=after)
    assert printed == ["nothing 0", "seed 2", "comment 2", "nothing 2"]
    assert errors.count(SEED) == 3
    assert run("dvc", "nothing", "nothing", DVC_STAGE="work", AFTER=after)[1] == ["nothing 0", "nothing 0"]
    assert len(list((tmp_path / "logs").glob(".params-*"))) == 1  # that of the first run is gone


@pytest.mark.parametrize(("stage", "edit", "printed"), [
    ("other", "seed", ["seed 0", "nothing 2"]),
    ("same", "seed", ["seed 2", "nothing 2"]),
    ("each@extent", "row", ["row 0", "nothing 2"]),
    ("../dvc.yaml:each@pixels", "row", ["row 2", "nothing 2"]),
    ("unknown", "seed", ["seed 2", "nothing 2"]),
])  # fmt: skip
def test_a_stage_ends_well_where_others_parameters_change_and_the_next_one_is_refused(run, stage, edit, printed):
    """Hours of pretraining are not lost over a row that is written for the next run."""
    assert run("dvc", edit, "nothing", DVC_STAGE=stage)[1] == printed


def test_another_program_may_change_parameters_between_one_run_and_the_next(run):
    """The process of a notebook, say, is no single run."""
    assert run("notebook.py", "seed", "nothing", DVC_STAGE="work")[1] == ["seed 2", "nothing 0"]


def test_of_many_changes_the_first_are_named(run):
    errors = run("work.py", "many")[2]
    assert "`synthetic.pool` from 5000 to 6000, `prepare.folds` from 5 to 6, " in errors
    assert re.search(r" and [0-9]+ more\. A run", errors)


@pytest.mark.parametrize(("edit", "change"), [
    ("row", "`rows.pixels` is gone, `rows.paint` is new"), ("empty", "the file has no keys any more"),
])  # fmt: skip
def test_what_is_new_or_gone_is_called_so(run, edit, change):
    assert run("work.py", edit)[2].splitlines()[-1] == REFUSED.format(change)
