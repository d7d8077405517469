"""python stages/synthetic.py: draws the labelled synthetic tracks and the unlabelled pool."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.data import synthetic
    from trajprobe.files.atomic import write_npz

    params = section(read(), synthetic.Synthetic, "synthetic")
    made = {
        "synthetic": (params.clips, params.seed),
        "synthetic_pool": (params.pool, params.pool_seed),
    }
    for name, (count, seed) in made.items():
        write_npz(Path(f"data/raw/{name}.npz"), synthetic.arrays(count, params, seed))
    return f"data/raw: {params.clips} labelled tracks of {len(synthetic.FAMILIES)} families, {params.pool} in the pool"


if __name__ == "__main__":
    run(main)
