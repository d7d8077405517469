"""python stages/features.py SECTION ROW [--dry]: the features of a row with its pretrained weights, or a forecast.

SECTION of params.yaml is backbones or trained_controls; `perturbed` stands for backbones, whose row is perturbed.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(where: str, name: str, *options: str) -> str:
    from trajprobe.features.perturbed import perturbed
    from trajprobe.rows import Backbone, trained_control

    values = read()
    if where == "perturbed":
        return perturbed(values, "backbones", name, *options)
    from trajprobe.features.networks import pretrained

    if where == "trained_controls":
        return pretrained(values, trained_control(values, name), "controls", name, *options)
    return pretrained(values, section(values, Backbone, where, name), "pretrained", name, *options)


if __name__ == "__main__":
    run(main)
