"""Shards made on Ray: those of one process, whoever dies; started on this machine, with two GPUs in name alone."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from works import Squares, tasks

from trajprobe.errors import UserError
from trajprobe.execution.local import Local
from trajprobe.execution.producing import executor, missing, produce
from trajprobe.files.shards import Shards
from trajprobe.files.store import Store

# Not importorskip: Ray is to be imported by the module that is tested, as in use.
pytestmark = [
    pytest.mark.skipif(not find_spec("ray"), reason="the extra `ray` is not installed; `make test` installs it"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # Ray Data's of its own settings
]


@pytest.fixture(scope="module")
def cluster():
    """The module, and the address of a machine for all tests."""
    from trajprobe.execution import ray as module  # first: it sees to Ray's token

    machine = import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": 2, "include_dashboard": False}
    )
    yield module, machine.address
    machine.shutdown()


@pytest.fixture
def rays(cluster):
    """The module, joined to the cluster. When it is left, processes end that what an error refers to keeps alive."""
    module, address = cluster
    module.ray.init(address=address, logging_level="error")
    yield module
    module.ray.shutdown()


@pytest.fixture(autouse=True)
def patience():
    """A test that hangs fails, and holds up no other."""

    def lost(*_):
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGALRM, lost)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def store(store_folder):
    return Store(store_folder)


@pytest.fixture
def on_ray(rays, store, monkeypatch):
    """Ray with so many workers, which find these tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return lambda workers=3: rays.Ray(store, workers)


@pytest.fixture
def made(tmp_path, on_ray):
    """Makes squares of 0 to 6."""

    def make(**kinds):
        work = Squares(tmp_path / "diary", **kinds)
        produce(on_ray(), work, tasks(7), tmp_path / "out", {"of": "squares"}, "squares")

    return make


def begun(tmp_path):
    return Counter(map(int, (tmp_path / "diary").read_text().split()))


def left(store):
    return [path for path in store.folder.rglob("*") if path.is_file() and path not in set(store)]


def test_ray_makes_the_folder_of_one_process(made, tmp_path, store):
    made()
    produce(
        Local(Store(tmp_path / "store"), 1),
        Squares(tmp_path / "other"),
        tasks(7),
        tmp_path / "one",
        {"of": "squares"},
        "squares",
    )
    one, ray = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "out"))
    assert ray == one
    assert begun(tmp_path) == Counter(range(7))
    assert left(store) == []


def test_a_process_that_dies_is_started_again_and_a_shard_that_always_kills_it_is_given_up(made, tmp_path, store):
    with pytest.raises(UserError, match=r"1 of 7 .*: shard 2: its process died 3 times$"):
        made(deadly=(2,), once=(0, 5))
    assert begun(tmp_path) == Counter(range(7)) + Counter([0, 5, 2, 2])
    _, absent = missing(tasks(7), store)
    assert [task.number for task in absent] == [2]
    assert left(store) == []
    made()
    assert [int(arrays["square"][0]) for arrays in Shards(tmp_path / "out")] == [0, 1, 4, 9, 16, 25, 36]


def test_shards_that_cannot_be_made_are_listed_and_the_others_kept(made, tmp_path, store):
    with pytest.raises(UserError) as told:
        made(refused=(1, 4), unread=(6,))
    assert str(told.value) == (
        "squares: 3 of 7 shards could not be made, the others are kept and not made again: shard 1: number 1 has no "
        "square; shard 4: number 4 has no square; shard 6: number 6 is damaged"
    )
    _, absent = missing(tasks(7), store)
    assert [task.number for task in absent] == [1, 4, 6]


def test_a_shard_whose_answer_was_lost_is_not_made_again(on_ray, tmp_path, store):
    work = Squares(tmp_path / "diary", deadly=(1,))
    put = store.put(tasks(2)[1].key, b"made")
    done = {one.task.number: one.entry for one in on_ray().run(work, tasks(2), lambda _: None)}
    assert done[1] == put
    assert begun(tmp_path) == Counter([0])


def test_the_bar_hears_of_the_clips_as_they_are_made_and_attempts_are_counted_meanwhile(on_ray, tmp_path, store):
    heard = []
    for number, _ in enumerate(on_ray(1).run(Squares(tmp_path / "diary"), tasks(3), heard.append), start=1):
        assert heard == [2] * number
        assert len(list(store.unfinished())) >= number
    assert len(heard) == 3
    assert list(store.unfinished()) == []


def test_a_count_of_attempts_stays_young_while_the_shard_is_made(rays, store, tmp_path):
    def make(task, given, store, tell):
        (count,) = (path for path, _ in store.unfinished())
        os.utime(count, (0, 0))
        tell(1)
        assert count.stat().st_mtime > 1e9  # or another run would take it for what a killed one has left
        return b"made"

    (store.folder / "attempts").mkdir()
    server = rays._Server(Squares(tmp_path / "diary"), store, tmp_path, store.folder / "attempts/.run", tasks(1))
    server.maker.make = make
    assert server({"number": 0})["error"] == ""


@pytest.mark.parametrize("asked", [True, False])
def test_a_mistake_before_the_first_shard_is_told(on_ray, tmp_path, asked):
    work = Squares(tmp_path / "diary", unopened="refused")
    with pytest.raises(UserError, match=r"^no such weights$"):
        on_ray().ask(work, str) if asked else list(on_ray().run(work, tasks(7), lambda _: None))


def test_processes_that_cannot_begin_are_given_up(on_ray, tmp_path):
    with pytest.raises(UserError, match=r"^ray: no process could begin, in 3 attempts: .*process has died"):
        on_ray().ask(Squares(tmp_path / "diary", unopened="deadly"), str)


def test_a_bug_is_no_failed_shard(made):
    with pytest.raises(Exception, match="ZeroDivisionError: a bug") as told:
        made(broken=(3,))
    assert not isinstance(told.value, UserError)


@dataclass(frozen=True)
class Surroundings(Squares):
    """Writes down where it runs; after the one that is asked, each waits for another, so that none does all."""

    def open(self):
        names = ("OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "TRAJPROBE_DEVICE", "CUDA_VISIBLE_DEVICES")
        with self.diary.open("a") as file:
            file.write(" ".join([str(Path.cwd()), *(os.environ.get(name, "-") for name in names)]) + "\n")
        until = time.monotonic() + 120
        while len(self.diary.read_text().splitlines()) == 2 and time.monotonic() < until:
            time.sleep(0.1)
        return Squares(self.diary.with_name("another")).open()


def test_each_process_has_the_arithmetic_of_the_one_who_asks_and_a_gpu_of_its_own(on_ray, tmp_path, monkeypatch):
    monkeypatch.setenv("TRAJPROBE_DEVICE", "cuda:1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.chdir(tmp_path)
    work = Surroundings(tmp_path / "diary")
    found = on_ray(0)
    assert found.workers == 2
    assert found.ask(work, lambda squarer: type(squarer).__name__) == "Squarer"
    assert len(list(found.run(work, tasks(4), lambda _: None))) == 4
    asked, *told = (tmp_path / "diary").read_text().splitlines()
    both = {f"{tmp_path} 2 AVX2 cuda {gpu}" for gpu in (0, 1)}
    assert set(told) == both
    assert asked in both


class Full(Squares):
    """Of a disk that is full."""

    def open(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_and_no_bug(on_ray, tmp_path):
    with pytest.raises(UserError, match="No space left on device"):
        list(on_ray(1).run(Full(tmp_path / "diary"), tasks(3), lambda _: None))


def test_a_cluster_without_room_is_told(on_ray, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    told = r"^ray: got machines of 4 CPUs, 2 GPUs; expected one of 5 CPUs \(`compute.threads`\), 0 GPUs; start one"
    with pytest.raises(UserError, match=told):
        on_ray(0)
    assert on_ray(7).workers == 7


def test_a_machine_without_the_folder_is_told(rays, store, tmp_path):
    server = rays._Server(Squares(tmp_path / "diary"), store, tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"/nowhere: not on .* \(No such file or directory\); share it"):
        server.ask(str)


def test_a_shard_that_is_seen_late_is_waited_for_and_one_that_is_not_is_told(rays, tmp_path, monkeypatch):
    late = threading.Timer(0.5, (tmp_path / "late").touch)
    late.start()
    rays._await(tmp_path / "late")
    late.join()
    monkeypatch.setattr(rays, "LAG", 1)
    with pytest.raises(UserError, match=r"^TRAJPROBE_STORE: .*/never was written, but is not here; set it to a folder"):
        rays._await(tmp_path / "never")


@pytest.fixture
def elsewhere(store_folder):
    """Runs Python in a process of its own, whose home and whose temporary files of Ray are new."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # a short name: Ray makes sockets there

        def run(code, **variables):
            environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
            paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
            told = {"HOME": home, "RAY_TMPDIR": home, "PYTHONPATH": paths, "TRAJPROBE_EXECUTOR": "ray"}
            return subprocess.run(
                [sys.executable, "-c", code],
                cwd=home,
                env=environment | told | variables,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )

        yield Path(home), run


def test_an_address_that_a_dead_cluster_left_is_not_taken_up_and_no_token_is_left(elsewhere, store):
    home, run = elsewhere
    (home / "ray").mkdir()
    (home / "ray/ray_current_cluster").write_text("127.0.0.1:1")
    code = """
from pathlib import Path
from works import Squares, tasks
from trajprobe.execution.producing import executor, produce
produce(executor(), Squares(Path("diary")), tasks(2), Path("out"), {}, "squares")
"""
    done = run(code, TRAJPROBE_WORKERS="1")
    assert done.returncode == 0, done.stderr
    assert len(Shards(home / "out")) == 4
    assert len(list(store)) == 2
    assert not (home / ".ray").exists()
    assert "streaming_executor" not in done.stderr


def test_a_cluster_that_does_not_answer_is_told(elsewhere):
    _, run = elsewhere
    done = run("from trajprobe.execution.producing import executor; executor()", RAY_ADDRESS="127.0.0.1:1")
    assert "UserError: RAY_ADDRESS: got 127.0.0.1:1, expected the HOST:PORT that `ray start --head`" in done.stderr


def test_without_ray_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "trajprobe.execution.ray", raising=False)
    monkeypatch.setenv("TRAJPROBE_EXECUTOR", "ray")
    with pytest.raises(UserError, match=r'TRAJPROBE_EXECUTOR: got ray, but .*; pip install "trajprobe\[ray\]"'):
        executor()
