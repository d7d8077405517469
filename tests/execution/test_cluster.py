"""A cluster of three hosts loses a process and a node in the middle of a run, and its shards stay the same."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.harm("ray")
@pytest.mark.skipif(not find_spec("ray"), reason="the extra `ray` is not installed; `make test` installs it")
def test_a_killed_worker_and_a_killed_node_change_nothing():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TRAJPROBE_"))}
    paths = [*filter(None, [environment.get("PYTHONPATH")]), str(Path(__file__).parents[2] / "src")]
    script = Path(__file__).with_name("cluster.py")
    done = subprocess.run(
        [sys.executable, script], env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    killed, cut, ended, compared = done.stdout.splitlines()
    assert re.search(r" 1[56] of 60 shards are made; killed a worker of (10|127).77.0.2$", killed)
    assert re.search(r" 3[01] of 60 shards are made; of \[[01], 1\] workers .*, cut the power of the latter$", cut)
    assert ended.endswith("the driver ended with 0")
    assert " 61 files, the bytes of the plain loop" in compared
