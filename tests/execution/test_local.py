"""Shards made in this process or in others: the same, whoever dies."""

import os
from collections import Counter

import pytest
from works import Squares, tasks

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
    """Makes squares of 0 to 6 with so many workers."""

    def make(workers, **kinds):
        work = Squares(tmp_path / "diary", **kinds)
        produce(Local(store, workers), work, tasks(7), tmp_path / "out", {"of": "squares"}, "squares")
        return work

    return make


def begun(tmp_path):
    return Counter(map(int, (tmp_path / "diary").read_text().split()))


@pytest.mark.parametrize("workers", [1, 2, 4, 20])
def test_any_number_of_workers_makes_the_same_folder(made, tmp_path, workers):
    made(workers)
    found = Shards(tmp_path / "out")
    assert found.meta == {"of": "squares"}
    assert [int(arrays["square"][0]) for arrays in found] == [0, 1, 4, 9, 16, 25, 36]
    assert len(found) == 14
    assert begun(tmp_path) == Counter(range(7))


@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_store_has_is_not_made_again(made, tmp_path, store, workers, caplog):
    made(workers)
    before = sorted(store)
    for number in (2, 5):
        next(store.folder.glob(f"*/{tasks(7)[number].key}-*")).unlink()
    with caplog.at_level("INFO", "trajprobe"):
        made(workers)
    assert begun(tmp_path) == Counter(range(7)) + Counter([2, 5])
    assert sorted(store) == before
    assert f"5 of 7 shards are in {store.folder} already" in caplog.text


@pytest.mark.parametrize("workers", [1, 3])
def test_shards_that_cannot_be_made_are_listed_and_the_others_kept(made, tmp_path, store, workers):
    with pytest.raises(UserError) as told:
        made(workers, refused=(1, 4), unread=(6,))
    assert str(told.value) == (
        "squares: 3 of 7 shards could not be made, the others are kept and not made again: shard 1: number 1 has no "
        "square; shard 4: number 4 has no square; shard 6: number 6 is damaged"
    )
    assert not (tmp_path / "out").exists()
    _, absent = missing(tasks(7), store)
    assert [task.number for task in absent] == [1, 4, 6]
    made(workers)
    assert begun(tmp_path) == Counter(range(7)) + Counter([1, 4])


def test_many_failures_are_counted(made):
    with pytest.raises(UserError, match=r"7 of 7 .*shard 4: number 4 has no square; and 2 more$"):
        made(1, refused=tuple(range(7)))


def test_a_process_that_dies_is_started_again(made, tmp_path, caplog):
    made(2, once=(0, 3, 5))
    assert [int(arrays["square"][0]) for arrays in Shards(tmp_path / "out")] == [0, 1, 4, 9, 16, 25, 36]
    assert begun(tmp_path) == Counter(range(7)) + Counter([0, 3, 5])
    assert "worker 0: its process died (SIGKILL)" in caplog.text


def test_a_shard_that_always_kills_its_process_is_given_up(made, tmp_path, store):
    with pytest.raises(UserError, match=r"1 of 7 .*shard 2: its process died \(SIGKILL\) 3 times$"):
        made(2, deadly=(2,))
    assert begun(tmp_path) == Counter([0, 1, 2, 2, 2, 3, 4, 5, 6])
    assert len(list(store)) == 6


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_before_the_first_shard_is_told(made, workers):
    with pytest.raises(UserError, match=r"^no such weights$"):
        made(workers, unopened="refused")


def test_processes_that_cannot_begin_are_given_up(made):
    with pytest.raises(UserError, match=r"died \(SIGKILL\) 3 times before it began; set TRAJPROBE_WORKERS to fewer"):
        made(2, unopened="deadly")


@pytest.mark.parametrize(("workers", "error"), [(1, ZeroDivisionError), (2, RuntimeError)])
def test_a_bug_is_no_failed_shard(made, workers, error):
    with pytest.raises(error, match="a bug"):
        made(workers, broken=(3,))


def test_the_bar_hears_of_each_clip(tmp_path, store):
    heard = []
    for workers in (1, 2):
        work = Squares(tmp_path / "diary")
        done = list(Local(Store(store.folder / str(workers)), workers).run(work, tasks(3), heard.append))
        assert sorted(one.task.number for one in done) == [0, 1, 2]
    assert heard == [1] * 12


def test_each_worker_has_a_gpu_of_its_own(tmp_path, store, monkeypatch):
    monkeypatch.setenv("TRAJPROBE_DEVICE", "cuda")
    work = Devices(tmp_path / "diary")
    assert list(Local(store, 2).run(work, tasks(2), lambda _: None))
    assert sorted((tmp_path / "diary").read_text().split()) == ["cuda:0", "cuda:1"]
    assert os.environ["TRAJPROBE_DEVICE"] == "cuda"


class Devices(Squares):
    """Writes down where it runs."""

    def open(self):
        with self.diary.open("a") as file:
            file.write(os.environ["TRAJPROBE_DEVICE"] + "\n")
        return Squares(self.diary.with_name("another")).open()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TRAJPROBE_WORKERS": "none"}, "TRAJPROBE_WORKERS: got 'none', expected a number of processes, 1 or more"),
        ({"TRAJPROBE_WORKERS": "0"}, "TRAJPROBE_WORKERS: got '0'"),
        ({"TRAJPROBE_EXECUTOR": "slurm"}, "TRAJPROBE_EXECUTOR: got 'slurm', expected local or ray"),
    ],
)
def test_an_executor_that_there_is_not_is_refused(monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        executor()


def test_the_variables_choose_the_executor(monkeypatch, store):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "3")
    found = executor()
    assert (type(found), found.workers, found.store) == (Local, 3, store)
