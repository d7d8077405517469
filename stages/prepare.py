"""python stages/prepare.py: checks the raw data set; makes canonical tracks, their folds, and the pool."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.trajectories import folds, raw

    values = read()
    dataset = section(values, str, "dataset")
    params = section(values, folds.Prepare, "prepare")
    source = raw.load(Path(f"data/raw/{dataset}.npz"))
    tracks, labelling = folds.prepare(source, params, dataset)
    pool = folds.pool(source, tracks, raw.load(Path("data/raw/synthetic_pool.npz")), params)
    folder = Path("data/trajectories")
    tracks.save(folder / "tracks.npz")
    labelling.save(folder / "labelling.npz")
    pool.save(folder / "pool.npz")
    return folds.line(dataset, source, labelling, pool)


if __name__ == "__main__":
    run(main)
