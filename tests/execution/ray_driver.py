"""python ray_driver.py: a Ray of four CPUs and two GPUs (in name alone), which answers what the tests ask it to do.

Ray runs in this process, never in one of pytest: a crash of its core ends this process alone. A request is a line of
JSON, [name, variables, arguments]: a function of this file, environment variables, keyword arguments. The answer is a
line of JSON, {"value": ...} or {"error": [type, message]}. Whatever Ray prints goes to standard error.
"""

import gc
import json
import logging
import os
import sys
import threading
from pathlib import Path

import works

from trajprobe.execution.producing import produce
from trajprobe.files.store import Store
from trajprobe.files.temporary import temporary_path


def make(folder, workers, count=7, **kinds):
    """The folder of the squares of 0 to 6; pytest looks at the files."""
    folder = Path(folder)
    work = works.Squares(folder / "diary", **kinds)
    produce(ray.Ray(Store.here(), workers), work, works.tasks(count), {folder / "out": {"of": "squares"}}, "squares")


def ask(folder, **kinds):
    return ray.Ray(Store.here(), 1).ask(works.Squares(Path(folder) / "diary", **kinds), str)


def run(folder, count, **kinds):
    """For each outcome, by one process: its number, the reported progress and the unfinished files of the store."""
    store, reports = Store.here(), []
    work = works.Squares(Path(folder) / "diary", **kinds)
    return [
        [outcome.task.number, sum(reports), len(list(store.unfinished()))]
        for outcome in ray.Ray(store, 1).run(work, works.tasks(count), reports.append)
    ]


def surroundings(folder):
    """How many processes there is room for, and the type of a maker; the processes write down where they run."""
    os.chdir(folder)
    everywhere = ray.Ray(Store.here(), 0)
    asked = works.Surroundings(Path(folder) / "asked", processes=1)
    name = everywhere.ask(asked, lambda maker: type(maker).__name__)
    ran = works.Surroundings(Path(folder) / "ran", processes=2)
    return everywhere.workers, name, len(list(everywhere.run(ran, works.tasks(4), lambda _: None)))


def capacity(workers):
    return ray.Ray(Store.here(), workers).workers


def age_of_attempts(folder):
    """When the file that counts attempts was last touched, as seen by a shard that reports progress."""
    seen = []

    def make(task, batch, store, report_progress):
        ((path, _),) = store.unfinished()
        os.utime(path, (0, 0))
        report_progress(1)
        seen.append(path.stat().st_mtime)
        return [b"made"]

    store = Store.here()
    tasks = works.tasks(1)
    attempts = [temporary_path(store.subfolder("attempts") / tasks[0].keys[0])]
    work = works.Squares(Path(folder) / "diary")
    process = ray._Process(work, store, Path(folder), attempts, tasks)
    process.maker.make = make
    row = process({"number": 0})
    return seen, row["error"]


def in_folder(folder):
    """Asks a process that is to work in that folder."""
    return ray._Process(works.Squares(Path(folder) / "diary"), Store.here(), Path(folder)).ask(str)


def wait_for_late_shard(folder):
    late = Path(folder) / "late"
    threading.Timer(0.2, late.touch).start()
    ray._wait_for(late)
    return late.exists()


def wait_for_lost_shard(folder):
    delay, ray.FILESYSTEM_DELAY = ray.FILESYSTEM_DELAY, 1
    try:
        ray._wait_for(Path(folder) / "lost")
    finally:
        ray.FILESYSTEM_DELAY = delay


def answer(name, variables, arguments):
    before, folder = dict(os.environ), Path.cwd()
    os.environ.update(variables)
    try:
        return {"value": globals()[name](**arguments)}
    except Exception as error:  # noqa: BLE001 (whatever it is, pytest is to see it)
        return {"error": [type(error).__name__, str(error)]}
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from trajprobe.execution import ray  # first, as in use: it sets Ray's variables before it imports it

    ray.ray.init(address="local", num_cpus=4, num_gpus=2, include_dashboard=False, logging_level=logging.ERROR)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), file=answers, flush=True)
        gc.collect()  # processes end that the traceback of an error kept
    ray.ray.shutdown()
