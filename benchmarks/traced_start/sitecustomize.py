"""Python imports this at its start: at the end it notes when it started, and how long the process spent on imports.

For subjects/pipeline.py, which has it on PYTHONPATH. One line for each process that a script of stages/ is.
"""

import atexit
import builtins
import json
import os
import sys
import time
from typing import Any

_started, _import = time.time(), builtins.__import__
_depth, _seconds = 0, 0.0


def _timed(*arguments: Any, **named: Any) -> Any:
    """An import; the time of those within another one is that one's."""
    global _depth, _seconds
    _depth += 1
    begun = time.perf_counter()
    try:
        return _import(*arguments, **named)
    finally:
        _depth -= 1
        if _depth == 0:
            _seconds += time.perf_counter() - begun


def _note() -> None:
    with open(os.environ["BENCH_TRACE"], "a") as trace:  # noqa: PTH123 (pathlib would be a burden on each start)
        trace.write(json.dumps([os.environ["DVC_STAGE"], "imports", _started, _seconds]) + "\n")


if "BENCH_TRACE" in os.environ and len(sys.orig_argv) > 1 and sys.orig_argv[1].startswith("stages/"):
    builtins.__import__ = _timed
    atexit.register(_note)
