"""python stages/controls.py ROW: the features of a control that needs no network."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.features.controls import control

    return control(read(), name)


if __name__ == "__main__":
    run(main)
