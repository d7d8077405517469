"""Features for a probe of your own: `trajprobe.load_features(ROW)`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.feature_shards import FEATURES, Kind, folders, read
from trajprobe.files.labelling import LABELLING, Labelling


@dataclass(frozen=True)
class Features:
    """The features of one network on n clips, and what a probe needs beside them."""

    features: NDArray[np.float32]  #: [b t d], b = n
    labels: NDArray[np.int64]  #: (n), index in `names`
    names: NDArray[np.str_]  #: (k)
    groups: NDArray[np.int64]  #: (n), clips that must not be parted by a fold
    folds: NDArray[np.int64]  #: (n), the fold that tests the clip; -1: only ever trained on
    recipe: dict[str, Any]  #: all that determines the features' bytes


def load_features(row: str, kind: Kind | None = None, seed: int | None = None, root: Path | str = Path()) -> Features:
    """The features that a row of params.yaml gave, with labels, folds and groups, for a probe of your own.

    Args:
        row: its name; of the primary row when it is perturbed, NAME/shuffled-frames, NAME/middle-frame or
            NAME/permuted-weights.
        kind: `pretrained`, `random`, `controls` or `perturbed`; by default the first of them that the row has.
        seed: which random initialisation; the first by default. Only with kind `random`.
        root: the top of the repository.

    Raises:
        UserError: there are no such features here, or they are of other tracks than the labels.
    """
    root = Path(root)
    known: tuple[Kind, ...] = get_args(Kind)
    if kind not in (None, *known):
        raise UserError(f"kind: got {kind!r}, expected one of {', '.join(known)}")
    kinds = (kind,) if kind else known
    found = [folder for one in kinds for folder in folders(one, row, root) if folder.is_dir()]
    if seed is not None:
        found = [folder for folder in found if folder.name == f"seed-{seed}"]
    if not found:
        there = sorted({path.name for path in (root / FEATURES).glob("*/*") if not path.name.startswith(".")})
        wanted = " ".join([row, *([kind] if kind else []), *([f"seed {seed}"] if seed is not None else [])])
        raise UserError(
            f"no features of {wanted} in {root / FEATURES}; there are those of {', '.join(there) or 'no row'}; "
            "`dvc repro` makes them, `dvc pull` fetches them; `root` is the top of the repository"
        )
    features, recipe = read(found[0])
    labelling = Labelling.load(root / LABELLING)
    if recipe["tracks"] != labelling.tracks:
        raise UserError(f"{found[0]}: features of other tracks than {root / LABELLING}; run `dvc repro`")
    return Features(features, labelling.labels, labelling.names, labelling.groups, labelling.folds, recipe)
