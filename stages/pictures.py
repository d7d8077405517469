"""python stages/pictures.py ROW: small pictures of a row's clips and tokens, and where its weights come from."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main(row: str) -> str:
    from trajprobe.pictures.making import make_pictures

    return make_pictures(read(), row)


if __name__ == "__main__":
    run(main)
