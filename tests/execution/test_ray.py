"""Shards made on Ray: the same as those of one process, whatever dies. Ray runs in processes of its own."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from works import Squares, begun, tasks

from trajprobe.errors import UserError
from trajprobe.execution.local import Local
from trajprobe.execution.producing import executor, missing, produce
from trajprobe.files.shards import Shards, encode_shard
from trajprobe.files.store import Store

HERE = Path(__file__).parent
#: Seconds after which an answer is given up; the slowest takes ten on a machine with nothing else to do.
PATIENCE = 300
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="the extra `ray` is not installed; `make test` installs it")


def environment(**variables):
    """The variables of a process that finds the modules of these tests, and no Ray that may run here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return inherited | {"PYTHONPATH": paths, "RAY_USAGE_STATS_ENABLED": "0"} | variables


class Driver:
    """A process that runs the functions of ray_driver.py on request."""

    def __init__(self, process, log):
        self.process, self.log = process, log

    def ask(self, name, variables=None, **arguments):
        """The answer of a function, with the store of this test; a UserError where it raised one."""
        variables = {"TRAJPROBE_STORE": os.environ["TRAJPROBE_STORE"]} | (variables or {})
        self.process.stdin.write(json.dumps([name, variables, arguments]) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.process.kill()  # or the next test would wait as long
        line = self.process.stdout.readline()
        assert line, f"the driver died, or was killed after {PATIENCE} s:\n{self.log.read_text()}"
        answer = json.loads(line)
        if "error" not in answer:
            return answer["value"]
        kind, message = answer["error"]
        raise UserError(message) if kind == "UserError" else RuntimeError(f"{kind}: {message}")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    log = tmp_path_factory.mktemp("driver") / "log"
    command = [sys.executable, HERE / "ray_driver.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with log.open("w") as errors, subprocess.Popen(command, env=environment(), stderr=errors, **pipes) as process:
        yield Driver(process, log)
        try:
            process.communicate(timeout=60)  # the end of its requests ends it
        finally:
            process.kill()


@pytest.fixture
def on_ray(driver, tmp_path):
    """Asks the driver, about this test's folder."""
    return lambda name, variables=None, **arguments: driver.ask(name, variables, folder=str(tmp_path), **arguments)


@pytest.fixture
def store(store_folder):
    return Store(store_folder)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.harm("ray")
@needs_ray
def test_deaths_and_failures_cost_their_own_shards_and_a_rerun_makes_the_folder_of_one_process(on_ray, tmp_path, store):
    with pytest.raises(UserError) as error:
        on_ray("make", workers=2, refused=[1, 4], unread=[6], deadly=[2])
    assert str(error.value) == (
        "squares: 4 of 7 shards could not be made, the others are kept and not made again: shard 1: number 1 has no "
        "square; shard 2: its process died 3 times; shard 4: number 4 has no square; shard 6: number 6 is damaged"
    )
    assert begun(tmp_path / "diary") == Counter(range(6)) + Counter([2, 2])
    _, to_make = missing(tasks(7), store)
    assert [task.number for task in to_make] == [1, 2, 4, 6]
    on_ray("make", workers=1)
    assert begun(tmp_path / "diary") == Counter([*range(7), 2, 2]) + Counter([1, 2, 4])
    work = Squares(tmp_path / "other")
    produce(Local(Store(tmp_path / "store"), 1), work, tasks(7), {tmp_path / "alone": {"of": "squares"}}, "squares")
    assert files(tmp_path / "out") == files(tmp_path / "alone")
    assert {path for path in store.folder.rglob("*") if path.is_file()} == set(store)


@needs_ray
def test_progress_arrives_by_shard_and_a_shard_whose_answer_was_lost_is_not_made_again(on_ray, tmp_path, store):
    store.put(tasks(3)[1].keys[0], encode_shard({}, {"square": 1}))
    events = on_ray("run", count=3, deadly=[1])
    assert sorted(number for number, _, _ in events) == [0, 1, 2]
    assert [clips for _, clips, _ in events] == [2, 4, 6]
    assert begun(tmp_path / "diary") == Counter([0, 2])
    attempts = [count for _, _, count in events]
    assert attempts[-1] == 2  # of the two that were begun
    assert list(store.unfinished()) == []


@needs_ray
def test_a_count_of_attempts_stays_young_while_the_shard_is_made(on_ray):
    (touched,), error = on_ray("age_of_attempts")
    assert touched > 1e9  # another run would delete an old one as left by a killed run
    assert error == ""


@needs_ray
@pytest.mark.parametrize(("name", "arguments"), [("ask", {}), ("run", {"count": 2})])
def test_a_mistake_before_the_first_shard_ends_the_run(on_ray, name, arguments):
    with pytest.raises(UserError, match=r"^no such weights$"):
        on_ray(name, unopened="refused", **arguments)


@needs_ray
def test_processes_that_cannot_begin_are_given_up(on_ray):
    with pytest.raises(UserError, match=r"^ray: no process could begin, in 3 attempts: .*process has died"):
        on_ray("ask", unopened="deadly")


@needs_ray
def test_a_bug_is_no_failed_shard(on_ray):
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        on_ray("run", count=2, broken=[1])


@pytest.mark.harm("full disk")
@needs_ray
def test_a_full_disk_is_a_users_mistake_and_no_bug(on_ray):
    with pytest.raises(UserError, match="No space left on device"):
        on_ray("run", count=2, unopened="full")


@needs_ray
def test_each_process_has_the_arithmetic_of_the_driver_and_a_gpu_of_its_own(on_ray, tmp_path):
    variables = {"TRAJPROBE_DEVICE": "cuda:1", "OMP_NUM_THREADS": "2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    assert on_ray("surroundings", variables) == [2, "Squarer", 4]
    expected = {f"{tmp_path} 2 AVX2 cuda {gpu} -" for gpu in (0, 1)}
    assert {*(tmp_path / "ran").read_text().splitlines()} == expected
    assert {*(tmp_path / "asked").read_text().splitlines()} < expected


@needs_ray
def test_a_cluster_without_room_is_refused_unless_the_number_of_processes_is_given(driver):
    message = r"^ray: got machines of 4 CPUs, 2 GPUs; expected one of 5 CPUs \(`compute.threads`\), 0 GPUs; start one"
    with pytest.raises(UserError, match=message):
        driver.ask("capacity", {"OMP_NUM_THREADS": "5"}, workers=0)
    assert driver.ask("capacity", {"OMP_NUM_THREADS": "5"}, workers=7) == 7


@needs_ray
def test_a_machine_without_the_folder_is_named(driver, tmp_path):
    with pytest.raises(UserError, match=r"/nowhere: not on .* \(No such file or directory\); share it"):
        driver.ask("in_folder", folder=str(tmp_path / "nowhere"))


@needs_ray
def test_a_shard_that_is_seen_late_is_waited_for_and_a_lost_one_is_named(on_ray):
    assert on_ray("wait_for_late_shard")
    with pytest.raises(UserError, match=r"^TRAJPROBE_STORE: .*/lost was written, but is not here; set it to a folder"):
        on_ray("wait_for_lost_shard")


@pytest.fixture
def stage(store_folder):
    """Runs a stage in a home, and with temporary files of Ray, that are new."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # a short name: Ray makes sockets there
        home = Path(name)
        (home / "params.yaml").write_text((HERE.parents[1] / "params.yaml").read_text())
        (home / "stage.py").write_text(STAGE)

        def run(**variables):
            elsewhere = {"HOME": name, "RAY_TMPDIR": name, "TRAJPROBE_EXECUTOR": "ray"}
            return subprocess.run(
                [sys.executable, "stage.py"], cwd=home, env=environment(**elsewhere, **variables),
                capture_output=True, text=True, timeout=200, check=False,
            )  # fmt: skip

        yield home, run


STAGE = """
import sys
from pathlib import Path
from trajprobe.stage import run

def main():
    from trajprobe.execution.producing import executor, produce
    from works import Squares, tasks
    produce(executor(), Squares(Path("diary")), tasks(2), {Path("out"): {}}, "squares")
    return "made"

run(main)
print("Ray runs:", sys.modules["ray"].is_initialized())
"""


@needs_ray
def test_a_stage_starts_a_ray_of_its_own_and_ends_it_before_its_result(stage, store):
    """An address that a dead cluster left is not taken up, and no token is left."""
    home, run = stage
    (home / "ray").mkdir()
    (home / "ray/ray_current_cluster").write_text("127.0.0.1:1")
    done = run(TRAJPROBE_WORKERS="1")
    assert done.returncode == 0, done.stderr
    assert len(Shards(home / "out")) == 4
    assert len(list(store)) == 2
    assert not (home / ".ray").exists()
    assert "streaming_executor" not in done.stderr
    assert done.stdout == "Ray runs: False\n"


@needs_ray
def test_a_cluster_that_does_not_answer_is_named(stage):
    _, run = stage
    done = run(RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 2
    assert "error: RAY_ADDRESS: got 127.0.0.1:1, expected the HOST:PORT that `ray start --head`" in done.stderr


def test_without_ray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "trajprobe.execution.ray", raising=False)
    monkeypatch.setenv("TRAJPROBE_EXECUTOR", "ray")
    with pytest.raises(UserError, match=r'TRAJPROBE_EXECUTOR: got ray, but .*; pip install "trajprobe\[ray\]"'):
        executor()
