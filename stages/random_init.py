"""python stages/random_init.py SECTION ROW [--dry]: the features of a row with random weights, for several seeds.

SECTION of params.yaml is backbones or untrained; `perturbed` stands for untrained, whose row is perturbed. No weight
file is read.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(where: str, name: str, *options: str) -> str:
    from trajprobe.features.perturbed import perturbed
    from trajprobe.rows import Backbone, Untrained

    values = read()
    if where == "perturbed":
        return perturbed(values, "untrained", name, *options)
    from trajprobe.features.networks import random

    row = section(values, Backbone if where == "backbones" else Untrained, where, name)
    return random(values, row, name, *options)


if __name__ == "__main__":
    run(main)
