"""Shards made on a Ray cluster, which RAY_ADDRESS names, or by Ray on this machine alone; see docs/scale-out.md.

All machines have the repository with its data, and the store, under the same paths. Ray runs a task at least once:
a task first looks for its shard in the store, and a shard that is made twice has the same bytes.
"""

import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import trajprobe
from trajprobe.errors import UserError
from trajprobe.execution.work import Maker, Outcome, Outcomes, ReportProgress, Task, Work, serve
from trajprobe.files.store import BEGUN, VARIABLE, Store, StoredShard
from trajprobe.files.temporary import temporary_path
from trajprobe.stage import FIXED, INSTRUCTION_SETS, THREADS, cleanup

ADDRESS = os.environ.get("RAY_ADDRESS")
if not ADDRESS and "RAY_AUTH_MODE" not in os.environ and "ray" not in sys.modules:
    # Ray reads them at its import. By itself it would write a token into the home folder, and a later `ray start`
    # would fail because of it.
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
try:
    import ray
    import ray.data
except ModuleNotFoundError as absent:
    raise UserError(f'TRAJPROBE_EXECUTOR: got ray, but {absent}; pip install "trajprobe[ray]"') from None

T = TypeVar("T")
M = TypeVar("M", bound=Maker)
#: How often a shard is begun whose process dies. Ray itself would begin it again without end.
ATTEMPTS = 3
#: Variables that change the bits, or how long threads wait, which all processes get as they are here.
PINNED = {"GOMP_SPINCOUNT", *THREADS, *FIXED, *(name for kind in INSTRUCTION_SETS.values() for name in kind)}
#: Seconds to wait until a network filesystem shows a file that another machine wrote.
FILESYSTEM_DELAY = 60


class Ray:
    """Runs work in `workers` processes of a cluster; with 0, in as many as the cluster has room for now."""

    def __init__(self, store: Store, workers: int) -> None:
        self.store = store
        variables = {
            name: value for name, value in os.environ.items() if name in PINNED or name.startswith("TRAJPROBE_")
        }
        cpus = int(variables.get(THREADS[0], "1"))
        gpus = int(variables.get("TRAJPROBE_DEVICE", "").startswith("cuda"))
        if gpus:
            variables["TRAJPROBE_DEVICE"] = "cuda"  # without a number: each process sees only its own GPU
        paths = [str(Path(trajprobe.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        # Ray sets the variables before numpy and torch are imported, which read some of them at that time.
        self.options = {"num_cpus": cpus, "num_gpus": gpus, "runtime_env": {"env_vars": variables}}
        _connect(cpus * (workers or max(1, (os.cpu_count() or 1) // cpus)))
        self.workers = workers or _capacity(cpus, gpus)
        self._opened: tuple[Work[Any], Any] | None = None

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The result of `question(maker)`, where `maker` is what `work.open()` loaded in a process of the cluster."""
        if self._opened is None or self._opened[0] is not work:
            self._opened = None
            retries = {"max_restarts": ATTEMPTS - 1, "max_task_retries": ATTEMPTS - 1}
            process = ray.remote(_Process).options(**self.options, **retries).remote(work, self.store, Path.cwd())
            self._opened = work, process
        try:
            answer: T = ray.get(self._opened[1].ask.remote(question))
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except ray.exceptions.RayActorError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"ray: no process could begin, in {ATTEMPTS} attempts: {reason}") from None
        return answer

    def run(self, work: Work[Any], tasks: Sequence[Task], report_progress: ReportProgress) -> Outcomes:
        """The outcome of each task, of one or more, in the order in which they end; progress is reported by shard.

        Raises:
            UserError: the work can't be opened, or a disk is full.
        """
        self._opened = None  # its process would keep a GPU
        folder = self.store.subfolder(BEGUN)
        attempts = [temporary_path(folder / task.keys[0]) for task in tasks]
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        try:
            rows = ray.data.from_items([{"number": i} for i in range(len(tasks))], override_num_blocks=len(tasks))
            # One task in flight: a task that is queued at a busy process can't be taken by an idle one.
            pool = ray.data.ActorPoolStrategy(size=min(self.workers, len(tasks)), max_tasks_in_flight_per_actor=1)
            arguments = (work, self.store, Path.cwd(), attempts, tasks)
            results = rows.map(_Process, fn_constructor_args=arguments, compute=pool, **self.options)
            for row in results.iter_rows():
                task = tasks[row["number"]]
                if row["fatal"]:
                    raise UserError(row["error"])
                if row["error"]:
                    yield Outcome(task, {}, row["error"])
                    continue
                made = zip(row["paths"], row["sha256"], strict=True)
                shards = [StoredShard(Path(path), sha256) for path, sha256 in made]
                for shard in shards:
                    _wait_for(shard.path)
                report_progress(task.clips)
                yield Outcome(task, dict(zip(task.keys, shards, strict=True)))
        finally:
            for path in attempts:
                path.unlink(missing_ok=True)


class _Process:
    """A process of the cluster. For each task, `attempts` has the file that counts how often its shard was begun."""

    def __init__(
        self, work: Work[Any], store: Store, root: Path, attempts: Sequence[Path] = (), tasks: Sequence[Task] = ()
    ) -> None:
        self.work, self.store, self.root, self.attempts, self.tasks = work, store, root, attempts, tasks

    @cached_property
    def maker(self) -> Maker:
        """What the work opens, in the folder where the run was started."""
        try:
            os.chdir(self.root)
        except OSError as error:
            host = os.uname().nodename
            raise UserError(f"{self.root}: not on {host} ({error.strerror}); share it with all machines") from None
        maker: Maker = self.work.open()
        return maker

    def ask(self, question: Callable[[Any], T]) -> T:
        return question(self.maker)

    def __call__(self, row: dict[str, int]) -> dict[str, Any]:
        """A row with the number of a task -> the same row with its outcome, or with an error that ends the run."""
        task = self.tasks[row["number"]]
        stored = {key: shard for key in task.keys if (shard := self.store.get(key))}
        if len(stored) == len(task.keys):  # made, but its process or the network failed before the answer
            return row | _columns(Outcome(task, stored))
        attempts = self.attempts[row["number"]]
        with attempts.open("ab") as marks:
            if marks.tell() == ATTEMPTS:
                return row | _columns(Outcome(task, {}, f"its process died {ATTEMPTS} times"))
            marks.write(b".")
        try:
            (outcome,) = serve(self.maker, [task], self.store, lambda _: attempts.touch())
        except (UserError, OSError) as error:  # no shard can be made: a user's mistake, or a full disk
            return row | _columns(Outcome(task, {}, str(error)), fatal=True)
        return row | _columns(outcome)


def _columns(outcome: Outcome, *, fatal: bool = False) -> dict[str, Any]:
    """An outcome as columns of Ray Data."""
    shards = outcome.shards.values()
    paths, sha256 = [str(shard.path) for shard in shards], [shard.sha256 for shard in shards]
    return {"paths": paths, "sha256": sha256, "error": outcome.error, "fatal": fatal}


def _connect(cpus: int) -> None:
    """Joins the cluster at RAY_ADDRESS, or else starts Ray here; never joins another Ray that happens to run here."""
    if ray.is_initialized():
        return
    options = {"address": ADDRESS} if ADDRESS else {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    try:
        if ADDRESS:  # Ray would wait a quarter of an hour for a cluster that does not answer
            host, _, port = ADDRESS.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(**options, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(
            f"RAY_ADDRESS: got {ADDRESS or 'none'}, expected the HOST:PORT that `ray start --head` printed, or none to "
            f"start Ray here alone ({error})"
        ) from None
    cleanup.callback(ray.shutdown)
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _capacity(cpus: int, gpus: int) -> int:
    """How many processes the cluster has room for.

    Raises:
        UserError: none.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    capacity = sum(int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) if gpus else inf)) for node in nodes)
    if not capacity:
        machines = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise UserError(
            f"ray: got machines of {machines}; expected one of {cpus} CPUs (`compute.threads`), {gpus} GPUs; start "
            "one, or set TRAJPROBE_WORKERS to the number of processes that are to wait for some"
        )
    return capacity


def _wait_for(path: Path) -> None:
    """Waits until a shard that another machine wrote is visible here."""
    for _ in range(FILESYSTEM_DELAY):
        if path.exists():
            return
        time.sleep(1)
    raise UserError(f"{VARIABLE}: {path} was written, but is not here; set it to a folder that all machines share")
