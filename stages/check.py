"""python stages/check.py: refuses names in params.yaml that will not do in paths, before DVC deletes an old output."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main() -> str:
    from trajprobe.files.atomic import write_bytes

    read()
    # The same bytes whatever params.yaml says, so that a change of it makes no later stage stale.
    write_bytes(Path("data/params.txt"), b"The names in params.yaml will do.\n")
    return "params.yaml: the names will do"


if __name__ == "__main__":
    run(main)
