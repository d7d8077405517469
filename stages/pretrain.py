"""python stages/pretrain.py WEIGHTS: trains one tokenizer on the pool, without labels."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.backbones import weights
    from trajprobe.clips.scene import Format, Scene
    from trajprobe.files.atomic import write_csv
    from trajprobe.files.checked_json import write_checked_json
    from trajprobe.files.probe_results import PRETRAINING
    from trajprobe.files.tracks import Tracks
    from trajprobe.pretraining.train import Pretrain, pretrain, provenance

    values = read()
    params = section(values, Pretrain, "pretrain", name)
    scene, form = section(values, Scene, "render"), section(values, Format, "clips", params.clips)
    pool = Tracks.load(Path("data/trajectories/pool.npz"))
    trained = pretrain(pool, scene, form, params, name)
    weights.save(Path("data/weights") / name, trained.network, provenance(params, pool.digest(), scene, form))
    write_checked_json(PRETRAINING / f"{name}.json", trained.figures)
    curve, figures = trained.curve, trained.figures
    error, of_black = figures["blob_mse"], figures["blob_mse_black"]
    write_csv(Path("metrics/pretrain") / f"{name}.csv", list(curve[0]), [list(point.values()) for point in curve])
    return (
        f"data/weights/{name}: {params.steps} steps on {len(pool)} tracks; on the blob the error is {error:.3f} "
        f"(black: {of_black:.3f}); {figures['distinct_codes']:.0f} codes used"
    )


if __name__ == "__main__":
    run(main)
