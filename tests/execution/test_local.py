"""Shards made in this process or in worker processes: the same bytes; a dead worker costs only its own shard."""

import os
import signal
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path

import pytest
from works import Squares, Surroundings, begun, tasks

from trajprobe.errors import UserError
from trajprobe.execution.local import Local
from trajprobe.execution.producing import executor, missing, produce
from trajprobe.files.shards import Shards
from trajprobe.files.store import Store


@pytest.fixture
def store(store_folder):
    return Store(store_folder)


@pytest.fixture
def made(tmp_path, store):
    """Makes the squares of 0 to 6 with so many workers."""

    def make(workers, **kinds):
        work = Squares(tmp_path / "diary", **kinds)
        produce(Local(store, workers), work, tasks(7), {tmp_path / "out": {"of": "squares"}}, "squares")

    return make


def squares(folder):
    return [int(arrays["square"][0]) for arrays in Shards(folder)]


@pytest.mark.parametrize("workers", [1, 2, 20])
def test_any_number_of_workers_makes_the_same_folder(made, tmp_path, workers):
    made(workers)
    assert squares(tmp_path / "out") == [0, 1, 4, 9, 16, 25, 36]
    assert Shards(tmp_path / "out").meta == {"of": "squares"}
    assert len(Shards(tmp_path / "out")) == 14
    assert begun(tmp_path / "diary") == Counter(range(7))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_store_has_is_not_made_again(made, tmp_path, store, workers, caplog):
    made(1)
    before = sorted(store)
    for number in (2, 5):
        next(store.folder.glob(f"*/{tasks(7)[number].keys[0]}-*")).unlink()
    with caplog.at_level("INFO", "trajprobe"):
        made(workers)
        made(workers)  # of these, the store has all
    assert begun(tmp_path / "diary") == Counter(range(7)) + Counter([2, 5])
    assert sorted(store) == before
    assert f"5 of 7 shards are in {store.folder} already" in caplog.text


@pytest.mark.parametrize("workers", [1, 3])
def test_shards_that_cannot_be_made_are_listed_and_the_others_kept(made, tmp_path, store, workers):
    with pytest.raises(UserError) as error:
        made(workers, refused=(1, 4), unread=(6,))
    assert str(error.value) == (
        "squares: 3 of 7 shards could not be made, the others are kept and not made again: shard 1: number 1 has no "
        "square; shard 4: number 4 has no square; shard 6: number 6 is damaged"
    )
    assert not (tmp_path / "out").exists()
    _, to_make = missing(tasks(7), store)
    assert [task.number for task in to_make] == [1, 4, 6]
    made(1)
    assert begun(tmp_path / "diary") == Counter(range(7)) + Counter([1, 4])


class Backwards(Local):
    def run(self, *arguments):
        yield from reversed(list(super().run(*arguments)))


def test_many_failures_are_counted_and_the_first_ones_listed(tmp_path, store):
    work = Squares(tmp_path / "diary", refused=tuple(range(7)))
    with pytest.raises(UserError, match=r"7 of 7 .*: shard 0: .*; shard 4: number 4 has no square; and 2 more$"):
        produce(Backwards(store, 1), work, tasks(7), {tmp_path / "out": {}}, "squares")


@pytest.mark.harm("workers")
def test_a_worker_that_dies_ends_the_run_with_the_shards_it_cost_and_a_rerun_makes_only_the_rest(made, tmp_path, store):
    with pytest.raises(UserError) as error:
        made(2, deadly=(2,), held=(3,))
    assert str(error.value) == (
        "a worker process died (a crash, or too little memory) while these shards were being made: 2, 3; finished "
        "shards are kept: run again to make the rest, with a smaller TRAJPROBE_WORKERS if memory was short"
    )
    assert not (tmp_path / "out").exists()
    assert begun(tmp_path / "diary") == Counter(range(4))
    _, to_make = missing(tasks(7), store)
    assert [task.number for task in to_make] == [2, 3, 4, 5, 6]
    made(2)
    assert squares(tmp_path / "out") == [0, 1, 4, 9, 16, 25, 36]
    assert begun(tmp_path / "diary") == Counter(range(7)) + Counter([2, 3])


@pytest.mark.harm("workers")
def test_workers_that_die_before_their_first_shard_end_the_run(made):
    with pytest.raises(
        UserError, match=r"^a worker process died .* while these shards were being made: 0, 1; finished"
    ):
        made(2, unopened="deadly")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_before_the_first_shard_ends_the_run(made, workers):
    with pytest.raises(UserError, match=r"^no such weights$"):
        made(workers, unopened="refused")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_no_failed_shard(made, workers):
    """And the run does not wait for the shard of the other worker."""
    with pytest.raises(ZeroDivisionError, match="a bug") as error:
        made(workers, broken=(0,), held=(1,))
    calls = [frame.name for frame in traceback.extract_tb(error.tb)]
    if workers == 1:
        assert calls[calls.index("produce") :] == ["produce", "serve", "make"]


def test_the_progress_bar_gets_every_clip(tmp_path, store):
    reports = []
    for workers in (1, 2):
        executor = Local(Store(store.folder / str(workers)), workers)
        outcomes = list(executor.run(Squares(tmp_path / "diary", refused=(2,)), tasks(4), reports.append))
        assert sorted(outcome.task.number for outcome in outcomes) == [0, 1, 2, 3]
    assert reports == [1] * 6 + [2] * 3


def test_each_worker_has_a_number(tmp_path, store):
    """By which it finds a GPU of its own."""
    work = Surroundings(tmp_path / "diary", processes=2)
    assert list(Local(store, 2).run(work, tasks(2), lambda _: None))
    assert sorted(line.split()[5] for line in (tmp_path / "diary").read_text().splitlines()) == ["0", "1"]
    assert "TRAJPROBE_WORKER" not in os.environ


def test_an_error_between_two_outcomes_ends_the_run_at_once(tmp_path, store):
    """An interrupt, say; not only when the traceback that refers to the run is forgotten."""
    ended = []

    class Odd(Local):
        def run(self, *arguments):
            try:
                yield "no outcome"
            finally:
                ended.append(True)

    with pytest.raises(AttributeError) as error:
        produce(Odd(store, 1), Squares(tmp_path / "diary"), tasks(2), {tmp_path / "out": {}}, "squares")
    assert error.tb
    assert ended


@pytest.mark.harm("ctrl-c")
def test_a_worker_leaves_an_interrupt_to_its_parent(made, tmp_path):
    made(2, interrupted=(0, 3))
    assert begun(tmp_path / "diary") == Counter(range(7))


@pytest.mark.harm("ctrl-c")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_worker_outlives_a_run_that_is_interrupted_or_killed(tmp_path, sent, status):
    code = """
import sys
from pathlib import Path
from works import Squares, tasks
from trajprobe.execution.producing import executor, produce
if __name__ == "__main__":
    try:
        produce(executor(), Squares(Path("diary"), held=(0, 1)), tasks(2), {Path("out"): {}}, "squares")
    except KeyboardInterrupt:
        sys.exit(130)
"""
    (tmp_path / "run.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    run = subprocess.Popen(
        [sys.executable, "run.py"], cwd=tmp_path, env=environment | {"TRAJPROBE_WORKERS": "2"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not (tmp_path / "diary").exists() or len(begun(tmp_path / "diary")) < 2:
        assert run.poll() is None, run.communicate()
    if sent == signal.SIGINT:
        os.killpg(run.pid, sent)  # as a terminal does
    else:
        run.kill()
    _, errors = run.communicate(timeout=60)  # ends when the last process has closed its end of the pipes
    assert run.returncode == status, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TRAJPROBE_WORKERS": "none"}, "TRAJPROBE_WORKERS: got 'none', expected a number of processes, 1 or more"),
        ({"TRAJPROBE_WORKERS": "0"}, "TRAJPROBE_WORKERS: got '0'"),
        ({"TRAJPROBE_EXECUTOR": "slurm"}, "TRAJPROBE_EXECUTOR: got 'slurm', expected local or ray"),
    ],
)
def test_an_executor_that_does_not_exist_is_refused(monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        executor()


def test_the_variables_choose_the_executor(monkeypatch, store):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "3")
    chosen = executor()
    assert (type(chosen), chosen.workers, chosen.store) == (Local, 3, store)
