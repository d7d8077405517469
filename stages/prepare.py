"""python stages/prepare.py: checks and guards the raw data set; makes canonical tracks, folds, and the pool."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.data import folds, guards, raw
    from trajprobe.files import findings, imported

    values = read()
    drawing = guards.Drawing.of(values)
    dataset = section(values, str, "dataset")
    params = section(values, folds.Prepare, "prepare")
    path = Path(f"data/raw/{dataset}.npz")
    imported.check(path)
    source = folds.used(raw.load(path), params, path)
    tracks, labelling = folds.prepare(source, params, dataset, in_place=True)
    guard_findings = list(guards.findings(source, tracks, labelling, drawing, str(path)))
    findings.save(guard_findings)
    findings.stop(guard_findings, params.guards, str(path))
    pool = folds.pool(source, tracks, raw.load(Path("data/raw/synthetic_pool.npz")), params)
    folder = Path("data/trajectories")
    tracks.save(folder / "tracks.npz")
    labelling.save(folder / "labelling.npz")
    pool.save(folder / "pool.npz")
    return folds.summary(dataset, labelling, pool, guard_findings)


if __name__ == "__main__":
    run(main)
