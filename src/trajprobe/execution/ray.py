"""Shards made by the machines of a Ray cluster, which RAY_ADDRESS names, or by Ray on this one; docs/scale_out.md.

The repository, with its data, and the store are under the same paths on all of them. Ray delivers at least once: what
is begun looks into the store first, and what is made twice has the same bytes.
"""

import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import trajprobe
from trajprobe.errors import UserError
from trajprobe.execution.local import ATTEMPTS
from trajprobe.execution.work import Done, Maker, Task, Work, serve
from trajprobe.files.store import VARIABLE, Store, StoredShard
from trajprobe.stage import FIXED, INSTRUCTION_SETS, THREADS

ADDRESS = os.environ.get("RAY_ADDRESS")
if not ADDRESS and "RAY_AUTH_MODE" not in os.environ and "ray" not in sys.modules:
    # Its import reads them. Ray itself would leave a token in the home folder, over which a later `ray start` falls.
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
try:
    import ray
    import ray.data
except ModuleNotFoundError as absent:
    raise UserError(f'TRAJPROBE_EXECUTOR: got ray, but {absent}; pip install "trajprobe[ray]"') from None

T = TypeVar("T")
M = TypeVar("M", bound=Maker)
PINNED = {*THREADS, *FIXED, *(name for kind in INSTRUCTION_SETS.values() for name in kind)}
#: Seconds after which a network filesystem surely shows what another machine has written.
LAG = 60


class Ray:
    """Runs work in `workers` processes of a cluster; 0: in as many as it has room for."""

    def __init__(self, store: Store, workers: int) -> None:
        self.store = store
        given = {name: each for name, each in os.environ.items() if name in PINNED or name.startswith("TRAJPROBE_")}
        cpus, gpus = int(given.get(THREADS[0], "1")), int(given.get("TRAJPROBE_DEVICE", "").startswith("cuda"))
        if gpus:
            given["TRAJPROBE_DEVICE"] = "cuda"  # whatever its number: each process sees its own alone
        paths = [str(Path(trajprobe.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        given["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        # The variables are there before numpy and torch are imported, which is when some are read.
        self.options = {"num_cpus": cpus, "num_gpus": gpus, "runtime_env": {"env_vars": given}}
        _connect(cpus * (workers or max(1, (os.cpu_count() or 1) // cpus)))
        self.workers = workers or _room(cpus, gpus)
        self._asked: tuple[Work[Any], Any] | None = None

    def ask(self, work: Work[M], question: Callable[[M], T]) -> T:
        """The answer of what makes the shards, where it does: this machine may have no GPU."""
        if self._asked is None or self._asked[0] is not work:
            self._asked = None
            again = {"max_restarts": ATTEMPTS - 1, "max_task_retries": ATTEMPTS - 1}
            server = ray.remote(_Server).options(**self.options, **again).remote(work, self.store, Path.cwd())
            self._asked = (work, server)
        try:
            answer: T = ray.get(self._asked[1].ask.remote(question))
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except ray.exceptions.RayActorError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"ray: no process could begin, in {ATTEMPTS} attempts: {reason}") from None
        return answer

    def run(self, work: Work[Any], tasks: Sequence[Task], tell: Callable[[int], object]) -> Iterator[Done]:
        """Each task as it comes to its end; `tell` hears how many more clips are done."""
        if not tasks:
            return
        self._asked = None  # it would keep a GPU
        attempts = self.store.folder / "attempts" / f".{uuid4().hex}"
        attempts.parent.mkdir(exist_ok=True)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        try:
            rows = ray.data.from_items([{"number": i} for i in range(len(tasks))], override_num_blocks=len(tasks))
            # One at a time: what waited for a busy process, no other could take.
            pool = ray.data.ActorPoolStrategy(size=min(self.workers, len(tasks)), max_tasks_in_flight_per_actor=1)
            given = (work, self.store, Path.cwd(), attempts, tasks)
            for row in rows.map(_Server, fn_constructor_args=given, compute=pool, **self.options).iter_rows():
                if row["number"] < 0:
                    raise UserError(row["error"])
                task, entry = tasks[row["number"]], StoredShard(Path(row["path"]), row["sha256"])
                if not row["error"]:
                    _await(entry.path)
                    tell(task.clips)
                yield Done(task, None if row["error"] else entry, row["error"])
        finally:
            for path in attempts.parent.glob(f"{attempts.name}-*"):
                path.unlink(missing_ok=True)


class _Server:
    """What a process on the cluster does."""

    def __init__(
        self, work: Work[Any], store: Store, root: Path, attempts: Path = Path(), tasks: Sequence[Task] = ()
    ) -> None:
        self.work, self.store, self.root, self.attempts, self.tasks = work, store, root, attempts, tasks

    @cached_property
    def maker(self) -> Maker:
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
        """How a task ended; with the number -1, why none can be done."""
        task = self.tasks[row["number"]]
        if entry := self.store.get(task.key):  # the answer was lost
            return row | _answer(Done(task, entry))
        # Ray itself would begin a shard whose process dies again and again.
        attempts = Path(f"{self.attempts}-{task.key}.tmp")
        with attempts.open("ab") as begun:
            if begun.tell() == ATTEMPTS:
                return row | _answer(Done(task, None, f"its process died {ATTEMPTS} times"))
            begun.write(b".")
        try:
            return row | _answer(*serve(self.maker, [task], self.store, lambda _: attempts.touch()))
        except (UserError, OSError) as error:  # of the user's making, or a disk's
            return {"number": -1} | _answer(Done(task, None, str(error)))


def _answer(done: Done) -> dict[str, str]:
    entry = done.entry or StoredShard(Path(), "")
    return {"path": str(entry.path), "sha256": entry.sha256, "error": done.error}


def _connect(cpus: int) -> None:
    """Joins the cluster that RAY_ADDRESS names, or else starts Ray here; never takes up what happens to run."""
    if ray.is_initialized():
        return
    where = {"address": ADDRESS} if ADDRESS else {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    try:
        if ADDRESS:  # of one that does not answer Ray would wait for a quarter of an hour
            host, _, port = ADDRESS.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(**where, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(
            f"RAY_ADDRESS: got {ADDRESS or 'none'}, expected the HOST:PORT that `ray start --head` printed, or none to "
            f"start Ray here alone ({error})"
        ) from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _room(cpus: int, gpus: int) -> int:
    """How many processes the cluster has room for.

    Raises:
        UserError: none.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    found = sum(int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) if gpus else inf)) for node in nodes)
    if not found:
        told = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise UserError(
            f"ray: got machines of {told}; expected one of {cpus} CPUs (`compute.threads`), {gpus} GPUs; start one, or "
            "set TRAJPROBE_WORKERS to how many processes are to wait for some"
        )
    return found


def _await(path: Path) -> None:
    """Waits until a shard is seen here."""
    for _ in range(LAG):
        if path.exists():
            return
        time.sleep(1)
    raise UserError(f"{VARIABLE}: {path} was written, but is not here; set it to a folder that all machines share")
