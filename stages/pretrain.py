"""python stages/pretrain.py WEIGHTS: trains a tokenizer on the pool, without labels, once for each seed."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.backbones import weights
    from trajprobe.clips.sections import Format, rendering_in
    from trajprobe.files.atomic import fresh_folder, write_csv
    from trajprobe.files.checked_json import write_checked_json
    from trajprobe.files.probe_results import PRETRAINING
    from trajprobe.files.tracks import Tracks
    from trajprobe.pretraining.train import Pretrain, mean_over_seeds, pretrain, provenance

    values = read()
    params = section(values, Pretrain, "pretrain", name)
    form = section(values, Format, "clips", params.clips)
    rendering = rendering_in(values, form, params.scene, f"pretrain.{name}.scene")
    pool = Tracks.load(Path("data/trajectories/pool.npz"))
    figures, curves = [], []
    with fresh_folder(weights.WEIGHTS / name) as temporary:
        for seed in range(params.seeds):
            trained = pretrain(pool, rendering, params, name, seed)
            weights.save(temporary / str(seed), trained.network, provenance(params, seed, pool.digest(), rendering))
            figures.append(trained.figures)
            curves.append(trained.curve)
    means = mean_over_seeds(figures)
    write_checked_json(PRETRAINING / f"{name}.json", means)
    curve = [mean_over_seeds(points) for points in zip(*curves, strict=True)]
    write_csv(Path("metrics/pretrain") / f"{name}.csv", list(curve[0]), [list(point.values()) for point in curve])
    networks = f"{params.seeds} networks" if params.seeds > 1 else "1 network"
    return (
        f"data/weights/{name}: {networks}, {params.steps} steps on {len(pool)} tracks; on the blob the error is "
        f"{means['blob_mse']:.3f} (black: {means['blob_mse_black']:.3f}); {means['distinct_codes']:.0f} codes used"
    )


if __name__ == "__main__":
    run(main)
