"""Processes side by side, in the order of a graph: small shell commands stand in for stages."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trajprobe import jobs
from trajprobe.cli import main
from trajprobe.jobs import Lines, side_by_side

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "alone": []}


@pytest.fixture(autouse=True)
def heeding():
    """Where tests run in the background SIGINT is ignored, and what they start would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run(tmp_path):
    """Runs a graph whose names map to shell commands (by default nothing); returns what failed and what was told."""

    def start(graph, at_a_time, **commands):
        told = []
        shell = "cd {}; echo begin; {}; s=$?; echo end; exit $s"
        failed = side_by_side(
            graph,
            lambda name: ["sh", "-c", shell.format(tmp_path, commands.get(name, "true"))],
            at_a_time,
            told.append,
            os.environ,
        )
        return failed, told

    return start


def test_each_begins_after_all_that_it_needs_has_ended(run):
    failed, told = run(DIAMOND, 5, a="sleep 0.2", b="sleep 0.1", c="sleep 0.4")
    assert failed == []
    assert sorted(told) == sorted(f"{name} | {word}" for name in DIAMOND for word in ("begin", "end"))
    for name, needs in DIAMOND.items():
        for need in needs:
            assert told.index(f"{need} | end") < told.index(f"{name} | begin")
    assert told.index("c | begin") < told.index("b | end")


@pytest.mark.parametrize("at_a_time", [1, 2, 3])
def test_as_many_run_at_a_time_as_were_asked_for(run, at_a_time):
    told = run(dict.fromkeys("abcdef", ()), at_a_time, **dict.fromkeys("abcdef", "sleep 0.3"))[1]
    now, most = 0, 0
    for line in told:
        now += 1 if line.endswith("begin") else -1
        most = max(most, now)
    assert most == at_a_time


def test_those_that_could_begin_do_so_in_the_order_of_the_graph(run):
    told = run({"f": [], "a": [], "b": ["f"], "z": [], "y": []}, 1)[1]
    assert [line[0] for line in told[::2]] == ["f", "a", "b", "z", "y"]


def test_a_failure_leaves_out_what_needs_it_and_nothing_else(run):
    graph = DIAMOND | {"e": ["c"], "f": ["d", "alone"]}
    failed, told = run(graph, 2, b="false", alone="sleep 0.2")
    assert failed == ["b"]
    assert {line[0] for line in told if line.endswith("end") and line != "alone | end"} == set("abce")
    assert "alone | end" in told
    assert jobs._needing(graph, failed) == ["d", "f"]


def test_output_comes_while_it_is_written_from_both_streams_and_its_last_line_without_end_too(run):
    told = run({"a": []}, 1, a="echo one; sleep 0.1; echo two >&2; echo; printf '\\303\\244\\377'; exit 0")[1]
    assert told == ["a | begin", "a | one", "a | two", "a | ä\N{REPLACEMENT CHARACTER}"]


def test_much_output_is_neither_lost_nor_waited_for(run):
    told = run({"a": [], "b": []}, 2, a="seq 60000", b="seq 60000")[1]
    assert len(told) == 2 * 60002


def test_processes_are_interrupted_and_none_is_left_when_it_ends_by_an_error(tmp_path):
    def tell(line):
        begun.append(int(line.split()[-1]))
        if len(begun) == 2:
            raise KeyboardInterrupt

    begun = []
    code = f"trap 'touch {tmp_path}/$$; exit' INT; sleep 50 & echo $!; wait"
    with pytest.raises(KeyboardInterrupt):
        side_by_side({"a": [], "b": []}, lambda name: ["sh", "-c", code], 2, tell, os.environ)
    assert len(list(tmp_path.iterdir())) == 2  # not killed
    wait_until_gone(begun)


def test_what_does_not_heed_an_interrupt_is_killed(monkeypatch):
    monkeypatch.setattr(jobs, "GRACE", 0.5)
    code = "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(os.getpid()); time.sleep(50)"

    def tell(line):
        begun.append(int(line.split()[-1]))
        raise KeyboardInterrupt

    begun = []
    with pytest.raises(KeyboardInterrupt):
        side_by_side({"a": []}, lambda name: [sys.executable, "-u", "-c", code], 1, tell, os.environ)
    wait_until_gone(begun)


def wait_until_gone(numbers):
    """Whatever had its parent killed is reaped by init, in its own time."""
    for number in numbers:
        for _ in range(100):
            if not is_running(number):
                break
            time.sleep(0.05)
        else:
            os.kill(number, signal.SIGKILL)
            pytest.fail(f"{number} was left running")


def is_running(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def lines(*chunks):
    told = []
    of = Lines("x", told.append)
    for chunk in chunks:
        of.feed(chunk)
    of.end()
    return told


def test_a_line_that_comes_in_pieces_is_told_whole():
    assert lines(b"one\ntw", b"", b"o\nthr", b"ee") == ["x | one", "x | two", "x | three"]


def test_of_a_progress_bar_the_last_state_is_told():
    assert lines(b"\r 1%", b"\r 50%\r", b" 99%\r 100%\nmade\n") == ["x |  100%", "x | made"]


def test_of_a_long_progress_bar_a_state_is_told_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    told = []
    of = Lines("x", told.append)
    for percent in range(25):
        now[0] = float(percent)
        of.feed(f"\r{percent}%".encode())
    assert told == ["x | 9%", "x | 19%"]


def test_a_bar_that_is_wiped_away_leaves_no_line():
    assert lines(b"\r 50%\r     \r", b"done\n\n") == ["x | done"]


def test_the_advice_that_dvc_gives_after_each_stage_is_left_out():
    assert lines(f"{jobs.ADVICE}\nmade\n".encode()) == ["x | made"]


@pytest.mark.parametrize(("at_a_time", "share"), [(3, 2), (9, 1)])
def test_each_job_probes_with_its_share_of_the_cores(monkeypatch, at_a_time, share):
    monkeypatch.setattr(jobs, "cpu_count", lambda: 8)
    environment = os.environ | jobs._share(at_a_time)
    code = "from joblib import cpu_count; print(cpu_count())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == min(share, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("number", ["0", "-1", "two", ""])
def test_what_is_no_number_of_stages_is_told(capsys, number):
    with pytest.raises(SystemExit, match="2"):
        main(["repro", f"--jobs={number}"])
    assert capsys.readouterr().err == (
        f"trajprobe: error: --jobs: got {number!r}, expected a number of stages to run at a time, 1 or more\n"
    )


def test_it_runs_at_the_top_of_the_repository_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["repro", "--jobs", "2"])
    assert "is not the top of the repository" in capsys.readouterr().err
