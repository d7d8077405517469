"""Feature folders: shards of float32 [b t d], in the order of the tracks, with their recipe. Needs no torch."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.shards import Shards

Kind = Literal["pretrained", "random", "controls", "perturbed"]
FEATURES = Path("data/features")


class Coordinates(NamedTuple):
    """Which features: those of a row, by a network, from an input, at a layer."""

    row: str
    network: str  #: `pretrained`, `random/SEED`, `permuted-weights`, or `none`
    input: str  #: `plain`, or the name of a perturbation
    layer: str  #: LAYER.POOLING, or `features`


def networks_of(row: str, root: Path = Path()) -> list[Coordinates]:
    """All features that stand in data/features/ROW, sorted; random seeds in the order of their numbers."""
    top = root / FEATURES / row
    parts = [path.parent.relative_to(top).parts for path in top.rglob("manifest.json")]
    every = [Coordinates(row, "/".join(names[:-2]), *names[-2:]) for names in parts]
    return sorted(every, key=lambda of: [part.zfill(9) if part.isdigit() else part for part in folder(of).parts])


def folder(of: Coordinates, root: Path = Path()) -> Path:
    """Where features stand."""
    return root / FEATURES / of.row / of.network / of.input / of.layer


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
