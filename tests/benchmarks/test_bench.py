"""`make bench`: every subject runs in its small form, and the table says what was measured. Nothing here is timed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import warm_python

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "benchmarks/bench.py"
SUBJECTS = sorted(path.stem for path in (ROOT / "benchmarks/subjects").glob("*.py"))
FIELDS = {"what", "value", "unit", "peer", "peer_value", "ratio", "spread", "at_least", "at_most", "note", "goal_met"}


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import measure

    return measure


@pytest.fixture
def bench(measure):
    import bench

    return bench


def run(folder, *arguments, **variables):
    """The program's status, and what it printed; its table goes to `folder`."""
    command = [sys.executable, BENCH, *arguments, "--results", folder]
    environment = warm_python.environment() | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_runs_in_its_small_form(tmp_path, name):
    status, output = run(tmp_path, "--quick", name)
    assert status == 0, output
    table = json.loads((tmp_path / "cpu.json").read_text())
    assert {"processor", "memory", "Python", "torch"} <= set(table["machine"])
    (found,) = table["subjects"].values()
    assert found["command"] == f"python benchmarks/bench.py {name}"
    assert found["machine"] == table["machine"]
    assert found["rows"]
    text = (tmp_path / "cpu.md").read_text()
    for row in found["rows"]:
        assert set(row) == FIELDS
        # What could not be measured says so: nothing is left out silently.
        assert row["value"] is not None or "not installed" in row["note"], row
        assert not row["peer"] or row["ratio"] is not None or "not installed" in row["note"], row
        assert f"| {row['what']}" in text
    assert text.count(f"`{found['command']}`") == len(found["rows"])


def test_a_subject_alone_replaces_its_own_rows_and_no_others(tmp_path):
    row = dict.fromkeys(FIELDS) | {"what": "kept", "value": 7.0, "unit": "s", "peer": "", "note": ""}
    machine = {"processor": "another one"}
    others = {"date": "2026-01-01", "seconds": 1.0, "load": 0.0, "command": "", "machine": machine, "rows": [row]}
    gone = others | {"rows": [row | {"what": "of a file that is gone"}]}
    old = others | {"rows": [row | {"what": "replaced"}]}
    table = {"machine": machine, "subjects": {"probing": others, "shards": old, "bench_growth": gone}}
    row["goal_met"] = False
    (tmp_path / "cpu.json").write_text(json.dumps(table))
    status, output = run(tmp_path, "--quick", "shards")
    assert status == 0, output
    written = json.loads((tmp_path / "cpu.json").read_text())
    assert set(written["subjects"]) == {"probing", "shards"}
    assert written["subjects"]["probing"] == others
    text = (tmp_path / "cpu.md").read_text()
    assert "| kept | 7 s |" in text
    assert "another one" in text  # those rows are of another machine than the table's
    assert "Goals met: 0. Missed: 1 (probing: kept)." in text
    assert "replaced" not in text
    assert "of a file that is gone" not in text


def test_a_subject_that_fails_keeps_its_rows_and_the_status_says_so(tmp_path):
    status, output = run(tmp_path, "importing", "shards", "--quick", PATH="/nowhere")
    assert status == 1
    assert "importing failed" in output
    assert "Traceback" in output  # of the child, which says what failed
    assert list(json.loads((tmp_path / "cpu.json").read_text())["subjects"]) == ["shards"]


def test_an_unknown_subject_is_refused_and_nothing_runs(tmp_path):
    status, output = run(tmp_path / "results", "shard")
    assert status == 2
    assert "got shard, expected some of" in output
    assert not (tmp_path / "results").exists()


def test_the_ratio_is_that_of_pairs_and_the_spread_its_bounds(measure):
    row = measure.paired("it", [1.0, 2.0, 30.0], "peer", [1.0, 4.0, 10.0], "s", at_most=1.25)
    assert (row.value, row.peer_value, row.ratio, row.spread, row.is_met) == (2.0, 4.0, 1.0, (0.5, 3.0), True)


def test_runs_take_turns_in_an_order_that_is_reversed_after_each_and_the_first_ones_only_warm_up(measure):
    calls, now = [], iter(range(100))
    names = {name: lambda name=name: calls.append(name) for name in "ab"}
    taken = measure.in_turns(names, runs=2, clock=lambda: next(now), warm_up=1)
    assert calls == ["b", "a", "a", "b", "b", "a"]
    assert taken == {"a": [1, 1], "b": [1, 1]}


def test_rates_are_of_items_and_a_peer_that_is_not_there_is_named(measure):
    now = iter([0, 2, 10, 14])
    rows = measure.compared(
        "it",
        lambda: None,
        {"there": lambda: None, "absent": None},
        unit="clips/s",
        items=8,
        runs=1,
        clock=lambda: next(now),
        warm_up=0,
        at_least=1.3,
    )
    first, absent = rows
    assert (first.value, first.peer_value, first.ratio, first.is_met) == (4, 2, 2, True)
    assert (absent.peer, absent.peer_value, absent.ratio, absent.note) == ("absent", None, None, "not installed")
    assert absent.is_met is None


def test_a_goal_is_of_the_ratio_or_without_a_peer_of_the_value(measure):
    row = measure.Row(what="it", value=2.0, unit="s", at_most=1.5)
    assert row.is_met is False
    assert measure.Row(what="it", value=2.0, unit="s", peer="p", ratio=1.4, at_most=1.5).is_met is True
    assert measure.Row(what="it", value=2.0, unit="s", peer="p", ratio=1.4, at_least=1.5).is_met is False
    assert measure.Row(what="it", value=2.0, unit="s", peer="p", at_least=1.5).is_met is None


def test_exponents_are_those_of_powers(measure):
    assert measure.exponent([1, 2, 4], [5, 20, 80]) == pytest.approx(2)


def test_memory_is_what_a_function_takes_at_most_beside_what_was_held(measure):
    held = b"x" * 2**26
    taken = measure.memory_of(lambda: len(b"x" * 2**27) and None)
    assert abs(taken - 2**27) < 2**23  # the system counts pages in batches
    assert len(held) == 2**26


def test_memory_that_was_freed_and_is_taken_again_counts(measure):
    pieces = [b"x" * 2**16 for _ in range(2**12)]  # too small for pages of their own
    held = b"x" * 2**16  # above them: what is freed below it stays with the allocator
    del pieces
    taken = measure.memory_of(lambda: len(b"x" * 2**27) and None)
    assert abs(taken - 2**27) < 2**23
    assert len(held) == 2**16


def test_a_line_shows_an_absent_peer_and_a_missed_goal(bench, measure):
    row = measure.Row(what="it", value=1234.5, unit="s", peer="OpenCV", note="not installed")
    assert bench.line(row, "x").startswith("| it (not installed) | 1,234 s | OpenCV | absent |  |  |  |")
    row = measure.Row(what="it", value=0.12345, unit="s", peer="p", peer_value=1.0, ratio=0.12345, at_least=1)
    assert "| 0.123 s | p | 1 | 0.123 |  | ≥ 1: **missed** | `python benchmarks/bench.py x` |" in bench.line(row, "x")


def test_each_subject_says_what_it_measures(bench):
    assert bench.SUBJECTS == SUBJECTS
    for name in SUBJECTS:
        title, text = bench.about(name)
        assert title != name
        assert len(text) > 40, name


def test_the_makefile_runs_it(tmp_path):
    told = subprocess.run(
        ["make", "--dry-run", "bench", "SUBJECTS=shards"], cwd=ROOT, env=os.environ, capture_output=True, text=True
    ).stdout
    assert "python benchmarks/bench.py shards" in told


def test_a_run_is_the_work_and_the_start_of_its_stages_and_dvcs_own(bench):
    from subjects.pipeline import of_stages

    noted = [
        ["prepare", "imports", 11.0, 2.0],  # Python began a second after the shell; imports took two
        ["prepare", "whole", 10.0, 15.0],
        ["probe@a", "imports", 20.5, 0.5],
        ["probe@a", "whole", 20.0, 24.0],
        ["probe@b", "imports", 30.5, 0.5],
        ["probe@b", "whole", 30.0, 34.0],
    ]
    rows = {row.what: row for row in of_stages(20.0, noted)}
    seconds = {what: row.value for what, row in rows.items()}
    assert seconds == {
        "the whole run": 20.0,
        "work of stages": 8.0,
        "start of stages": 5.0,
        "DVC's own": 7.0,
        "probe, 2 stages": 8.0,
        "prepare": 5.0,
    }
    assert list(rows)[-2:] == ["probe, 2 stages", "prepare"]  # the longest first
    assert rows["probe, 2 stages"].note == "start 2.0 s, work 6.0 s"
    assert rows["prepare"].ratio == 0.25


def test_of_a_bare_pipeline_only_the_stages_run_that_a_change_makes_stale(bench, tmp_path, monkeypatch):
    from bare_pipeline import BarePipeline

    monkeypatch.setenv("PATH", warm_python.environment()["PATH"])
    bare = BarePipeline(tmp_path / "bare", stages=4, shared=2, further={"key": 1})
    assert "Running" not in bare.run("dvc", "repro")
    bare.change(2)
    told = bare.run("dvc", "repro")
    assert [f"Running stage 'stage{number}'" in told for number in range(4)] == [False, False, True, True]
    assert (tmp_path / "bare/out3").read_text() == "1\n"
