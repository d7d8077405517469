"""Calls keep their order, errors arrive, and nothing outlives a run that was interrupted or killed."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from trajprobe.errors import UserError
from trajprobe.probes.pool import run

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of the threads of other tests


def square(number):
    time.sleep(0.1 * (3 - number))  # the first ends last
    return number * number, os.getpid()


def refuse():
    raise UserError("got 1, expected 2, do this")


def die():
    os._exit(1)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_the_order_of_their_calls(monkeypatch, workers):
    monkeypatch.setenv("TRAJPROBE_WORKERS", str(workers))
    results = run([partial(square, number) for number in range(3)], "squares")
    assert [value for value, _ in results] == [0, 1, 4]
    processes = {process for _, process in results}
    assert (processes == {os.getpid()}) if workers == 1 else (len(processes) == 2 and os.getpid() not in processes)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusal_is_raised(monkeypatch, workers):
    monkeypatch.setenv("TRAJPROBE_WORKERS", str(workers))
    with pytest.raises(UserError, match="got 1, expected 2"):
        run([partial(square, 2), refuse], "refusal")


@pytest.mark.harm("workers")
def test_a_worker_that_dies_ends_the_run(monkeypatch):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "2")
    with pytest.raises(RuntimeError, match="terminated abruptly"):
        run([partial(square, 2), die], "death")


@pytest.mark.parametrize("asked", ["none", "-1", "0", "1.5"])
def test_a_wrong_number_of_workers_is_refused(monkeypatch, asked):
    monkeypatch.setenv("TRAJPROBE_WORKERS", asked)
    with pytest.raises(UserError, match=f"TRAJPROBE_WORKERS: got '{asked}', expected a number of processes"):
        run([refuse], "workers")


SLEEPERS = """
import os, time
from functools import partial
from pathlib import Path
from trajprobe.probes.pool import run
def sleep(number):
    Path(f"{number}.part").write_text(str(os.getpid()))
    Path(f"{number}.part").rename(f"{number}.pid")
    time.sleep(100 * number)  # the first worker waits for its next call
run([partial(sleep, number) for number in range(2)], "sleep")
"""


def alive(process):
    """Whether it runs; one that has ended and is not yet collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.harm("ctrl-c")
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_workers_end_with_a_run_that_is_killed_or_interrupted(tmp_path, how):
    environment = os.environ | {"TRAJPROBE_WORKERS": "2"}
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPERS], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    files = [tmp_path / "0.pid", tmp_path / "1.pid"]
    until(lambda: all(file.exists() for file in files))
    workers = [int(file.read_text()) for file in files]
    assert all(map(alive, workers))
    if how == "kill":
        parent.kill()
    else:
        os.killpg(parent.pid, signal.SIGINT)  # as the terminal does
    until(lambda: not any(map(alive, workers)))
    messages = parent.communicate(timeout=60)[1].decode()
    assert parent.returncode == (-signal.SIGKILL if how == "kill" else -signal.SIGINT)
    assert "ForkProcess" not in messages  # no traceback of a worker
