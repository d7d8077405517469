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
from pathlib import Path
from trajprobe.stage import run
def main(edit):
    if edit == "comment":
        Path("params.yaml").open("a").write("# a comment")
    if edit == "seed":
        text = Path("params.yaml").read_text()
        Path("params.yaml").write_text(text.replace("folds: 5\\n  seed: 0", "folds: 5\\n  seed: 7"))
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
REFUSED = (
    "error: params.yaml: has changed since this run began: `prepare.seed` from 0 to 7. Results would be of both "
    "values, so the run stops here. Run again with the values that you want; finished shards are kept"
)


@pytest.fixture
def run(tmp_path):
    """Runs a program of a folder with a params.yaml; returns its status, what it printed, and its errors."""
    for name, text in {"params.yaml": REAL, "work.py": WORK, "dvc": DVC, "notebook.py": DVC}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(*command, **variables):
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
    assert errors.splitlines()[-1] == REFUSED
    assert run("work.py", "nothing")[0] == 0  # what stands there now is what this run begins with


def test_a_comment_is_no_change(run):
    assert run("work.py", "comment")[0] == 0


@pytest.mark.parametrize("after", ["", "; exit $?"])  # a shell that gives way to its last command, and one that stays
def test_stages_of_one_run_of_dvc_have_the_same_parameters(run, tmp_path, after):
    _, printed, errors = run("dvc", "nothing", "seed", "comment", "nothing", DVC_STAGE="work", AFTER=after)
    assert printed == ["nothing 0", "seed 2", "comment 2", "nothing 2"]
    assert errors.count(REFUSED) == 3
    assert run("dvc", "nothing", "nothing", DVC_STAGE="work", AFTER=after)[1] == ["nothing 0", "nothing 0"]
    assert len(list((tmp_path / "logs").glob(".params-*"))) == 1  # that of the first run is gone


def test_another_program_may_change_parameters_between_one_run_and_the_next(run):
    """The process of a notebook, say, is no single run."""
    assert run("notebook.py", "seed", "nothing", DVC_STAGE="work")[1] == ["seed 2", "nothing 0"]


def test_of_many_changes_the_first_are_named(run, tmp_path):
    (tmp_path / "work.py").write_text(
        WORK.replace('text.replace("folds: 5\\n  seed: 0", "folds: 5\\n  seed: 7")', 'text.replace(": 5", ": 6")')
    )
    errors = run("work.py", "seed")[2]
    assert "`synthetic.pool` from 5000 to 6000, `prepare.folds` from 5 to 6, " in errors
    assert re.search(r" and [0-9]+ more\. Results", errors)
