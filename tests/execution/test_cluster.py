"""A cluster of three hosts loses a process and a node in the middle, and what it makes stays the same to the byte."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from cluster import __file__ as script


@pytest.mark.skipif(not find_spec("ray"), reason="the extra `ray` is not installed; `make test` installs it")
def test_a_killed_worker_and_a_killed_node_change_nothing():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TRAJPROBE_"))}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    killed, cut, ended, told = done.stdout.splitlines()
    assert re.search(r"\d+ of 60 shards are made; killed a worker of (10|127).77.0.2$", killed)
    assert re.search(r" [3-5]\d of 60 shards are made; of \[\d, [12]\] workers .*, cut the power of the latter$", cut)
    assert ended.endswith("the driver ended with 0")
    assert " 61 files, the bytes of the plain loop" in told
