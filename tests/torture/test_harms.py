"""The table of `make torture`: each harm has tests, and what comes out of them stands in its row."""

import ast
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

from harms import HARMS, Table

TESTS = Path(__file__).parents[1]


def marked():
    """The harms that tests name, with the file of each."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.harm":
                yield from ((name.value, path.name) for name in node.args)


def test_each_harm_has_a_test_that_does_it():
    assert {name for name, _ in marked()} == set(HARMS)


def test_make_torture_runs_and_keeps_its_table_where_no_test_did():
    table = TESTS.parent / "benchmarks/results/torture.md"
    before = table.read_bytes()
    variables = os.environ | {"PYTEST_ADDOPTS": "--collect-only --ignore-glob=tests/*"}
    done = subprocess.run(
        ["make", "--old-file=.venv/.ray", "torture"], cwd=TESTS.parent, env=variables, capture_output=True, text=True
    )
    assert "no tests collected" in done.stdout, done.stdout + done.stderr
    assert table.read_bytes() == before


def report(harm, outcome="passed", when="call", **properties):
    return SimpleNamespace(
        user_properties=[("harm", harm), *properties.items()],
        nodeid="tests/files/test_x.py::test_y",
        when=when,
        failed=outcome == "failed",
        skipped=outcome == "skipped",
        longrepr=("test_x.py", 1, "Skipped: no Ray here"),
    )


def rows(*reports):
    table = Table(SimpleNamespace(getoption=lambda _: None))
    for one in reports:
        table.pytest_runtest_logreport(one)
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.text().splitlines() if "| " in line
    ]
    return {cells[0]: cells[4:] for cells in lines[1:]}


def test_what_came_out_is_counted_and_what_failed_or_was_skipped_is_said():
    shown = rows(
        report("kills", times=60, found=("findings of doctor", 12)), report("kills", when="setup"),
        report("kills", when="teardown"), report("kills", times=8, found=("findings of doctor", 3)),
        report("clocks"), report("clocks", "failed"), report("ray", "skipped"), report("paths", "failed", when="setup"),
    )  # fmt: skip
    assert shown[HARMS["kills"].harm] == ["68", "held; findings of doctor: 15"]
    assert shown[HARMS["clocks"].harm] == ["1", "BROKEN by test_x.py::test_y"]
    assert shown[HARMS["ray"].harm] == ["0", "not tried: no Ray here"]
    assert shown[HARMS["paths"].harm] == ["0", "BROKEN by test_x.py::test_y"]
    assert shown[HARMS["locales"].harm] == ["0", "not tried"]
    assert len(shown) == len(HARMS)
