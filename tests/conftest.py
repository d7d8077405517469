"""One thread for each numerical library, before any is imported; a scratch store for each test; who did not end."""

import os
import tempfile

import pytest

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

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
    """The long files first, so that no worker ends with one alone."""
    items.sort(key=lambda item: "pipeline" not in item.path.parts)


@pytest.fixture(autouse=True)
def store_folder(tmp_path_factory, monkeypatch):
    """An empty store for each test: what another one has made is not taken."""
    folder = tmp_path_factory.mktemp("store")
    monkeypatch.setenv("TRAJPROBE_STORE", str(folder))
    return folder
