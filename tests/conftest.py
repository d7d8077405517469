"""One thread for each numerical library, before any is imported; a scratch store for each test; who did not end."""

import hashlib
import json
import os
import signal
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["harms", "tiny_repository"]  # the table of `make torture`; the fixtures `reproduced` and `clone`

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# A shell that runs `make test &` has it ignored, and so would the processes that these tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["DVC_NO_ANALYTICS"] = "1"  # else `dvc init` starts a process that reports its use to the makers of DVC

_STORE = tempfile.TemporaryDirectory(prefix="trajprobe-store-")  # of what a whole session shares
os.environ["TRAJPROBE_STORE"] = _STORE.name


_running = set()  # in the process that the user started, the tests of all processes


def pytest_runtest_logstart(nodeid):
    _running.add(nodeid)


def pytest_runtest_logfinish(nodeid):
    _running.discard(nodeid)


def pytest_terminal_summary(terminalreporter):
    """Names the tests that were running when the run was stopped."""
    if _running:
        terminalreporter.section("tests that did not end")
        for name in sorted(_running):
            terminalreporter.line(name)


def pytest_collection_modifyitems(items):
    """The long files first, so that no worker ends with one alone; while the first makes the repository that the tests
    of pipelines share, the second has tests that need none.
    """
    order = ("docs", "published", "pipeline", "torture", "features", "execution", "benchmarks")
    items.sort(key=lambda item: next((order.index(part) for part in item.path.parts if part in order), len(order)))


@pytest.fixture(autouse=True)
def store_folder(tmp_path_factory, monkeypatch):
    """An empty store for each test: what another one has made is not taken."""
    folder = tmp_path_factory.mktemp("store")
    monkeypatch.setenv("TRAJPROBE_STORE", str(folder))
    return folder


@pytest.fixture
def lock_output():
    """Puts the files of a folder into a cache of DVC, and writes the dvc.lock that names the folder as an output."""

    def lock(folder, cache=".dvc/cache"):
        listing = []
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            listing.append({"md5": _cached(path.read_bytes(), cache), "relpath": name})
        md5 = _cached(json.dumps(listing).encode(), cache, ".dir")
        out = f"    - path: {Path(folder).as_posix()}\n      hash: md5\n      md5: {md5}.dir\n      size: 1\n"
        lock = Path("dvc.lock")
        text = lock.read_text() if lock.is_file() else "schema: '2.0'\nstages:\n"
        lock.write_text(f"{text}  stage{len(text)}:\n    cmd: 'true'\n    outs:\n{out}      nfiles: {len(listing)}\n")

    return lock


def _cached(data, cache, ending=""):
    """Puts bytes into a cache of DVC, under their md5, which it returns."""
    md5 = hashlib.md5(data).hexdigest()
    path = Path(cache, "files/md5", md5[:2], md5[2:] + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5
