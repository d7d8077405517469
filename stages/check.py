"""python stages/check.py: what comes before all other stages, which depend on its output.

Names in params.yaml that will not do in paths are refused, before DVC deletes an old output. The output has a hash of
the code that all stages share: when that changes, all of them are stale.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main() -> str:
    from trajprobe.files.atomic import write_bytes
    from trajprobe.files.content_key import SHARED_CODE, shared_code_hash

    read()
    # Nothing of what params.yaml says, so that a change of it makes no later stage stale.
    text = f"The names in params.yaml will do.\nCode that all stages share: {shared_code_hash()}\n"
    write_bytes(SHARED_CODE, text.encode())
    return "params.yaml: the names are valid"


if __name__ == "__main__":
    run(main)
