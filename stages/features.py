"""python stages/features.py ROW [--dry]: the features of a row, of all its networks and inputs, or a forecast."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read
from trajprobe.stage import run


def main(name: str, *options: str) -> str:
    from trajprobe.errors import UserError
    from trajprobe.rows import named_row

    if options not in ((), ("--dry",)):
        raise UserError(f"got {' '.join(options)}, expected nothing more, or --dry for a forecast alone")
    values = read()
    row = named_row(values, name)
    if row.is_control:
        from trajprobe.features.controls import compute_control

        return compute_control(values, name)
    from trajprobe.features.extract import extract

    return extract(values, name, dry=bool(options))


if __name__ == "__main__":
    run(main)
