"""Feature folders: shards of float32 [b t d], in the order of the tracks, with their recipe. Needs no torch."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.shards import Shards

Kind = Literal["pretrained", "random", "controls", "perturbed"]
FEATURES = Path("data/features")


def folders(kind: Kind, row: str, root: Path = Path()) -> list[Path]:
    """The feature folders of a row: one, or for random initialisation one a seed, in the order of the seeds."""
    folder = root / FEATURES / kind / row
    if kind != "random":
        return [folder]
    return sorted(folder.glob("seed-*"), key=lambda seed: int(seed.name.removeprefix("seed-")))


def perturbed(row: str) -> list[str]:
    """The rows ROW/PERTURBATION that a row's perturbed features are: none of a row that is not the primary one.

    Raises:
        UserError: their folder is missing.
    """
    folder = FEATURES / "perturbed" / row
    if not folder.is_dir():
        raise UserError(f"{folder}: is not there; `dvc repro` makes it, `dvc pull` fetches it")
    return sorted(f"{row}/{each.name}" for each in folder.iterdir())


def read(folder: Path) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Features [b t d] and recipe of a folder.

    Raises:
        UserError: it is missing or damaged.
    """
    shards = Shards(folder)
    return np.concatenate([arrays["features"] for arrays in shards]), shards.meta
