"""Python imports this at its start: at the end it notes which of trajprobe's modules the process had loaded."""

import atexit
import json
import os
import sys


def _note():
    files = {getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("trajprobe")}
    with open(os.environ["TRAJPROBE_TEST_TRACE"], "a") as trace:  # noqa: PTH123 (pathlib would be a burden on each start)
        trace.write(json.dumps({"argv": sys.argv, "files": sorted(filter(None, files))}) + "\n")


if "TRAJPROBE_TEST_TRACE" in os.environ:
    atexit.register(_note)
