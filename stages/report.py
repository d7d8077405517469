"""python stages/report.py: the page data/report/report.html, of results, features and pictures, and its figures."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main() -> str:
    from trajprobe.page.building import build
    from trajprobe.page.leftovers import remove_leftovers

    values = read()
    remove_leftovers(values["rows"])
    return build(values)


if __name__ == "__main__":
    run(main)
