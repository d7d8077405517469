"""Which clips are tested by which fold: stratified by class, never parting a group; an original split is kept."""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.params import Parameters, Seed, UserError
from trajprobe.trajectories.canonical import canonical, duplicates, merge
from trajprobe.trajectories.labelling import TRAIN_ONLY, Labelling
from trajprobe.trajectories.raw import Raw
from trajprobe.trajectories.tracks import Tracks


class Prepare(Parameters, frozen=True):
    """What the prepare stage does."""

    folds: Annotated[int, Meta(ge=2)]  #: folds of the cross-validation, where the set brings no split
    seed: Seed
    pool: Literal["auto", "synthetic"]  #: auto: the train half is the pretraining pool where the set has a split


def prepare(raw: Raw, params: Prepare, name: str) -> tuple[Tracks, Labelling]:
    """Canonical tracks and their folds. `name` is the data set's, for messages.

    Raises:
        UserError: a class has fewer groups than there are folds.
    """
    tracks = canonical(raw)
    same = duplicates(tracks)
    groups = merge(raw.groups, same)
    if raw.split is None:
        folds = _stratified(raw, groups, params, name)
    else:
        folds = np.where(raw.split == "test", 0, TRAIN_ONLY).astype(np.int64)
    leaked = 0 if raw.split is None else int(np.isin(same[folds == 0], same[folds != 0]).sum())
    return tracks, Labelling(raw.labels, raw.label_names, groups, folds, tracks.digest(), leaked)


def pool(raw: Raw, tracks: Tracks, synthetic: Raw, params: Prepare) -> Tracks:
    """The unlabelled tracks to pretrain on: the set's own train half, or the synthetic pool."""
    if raw.split is None or params.pool == "synthetic":
        return canonical(synthetic)
    return tracks[np.flatnonzero(raw.split == "train")]


def line(name: str, raw: Raw, labelling: Labelling, pool: Tracks) -> str:
    """What was made, and what the reader should know of it."""
    tested = int((labelling.folds >= 0).sum())
    folds = int(labelling.folds.max()) + 1
    lines = [
        f"{name}: {len(raw.labels)} tracks, {len(labelling.names)} classes, {len(np.unique(labelling.groups))} groups, "
        f"{tested} tested in {folds} fold{'s' * (folds > 1)}; {len(pool)} tracks in the pool",
        *raw.notes,
    ]
    if labelling.leaked:
        lines.append(f"{labelling.leaked} tested tracks are exact duplicates of tracks that are trained on")
    return "; ".join(lines)


def _stratified(raw: Raw, groups: NDArray[np.int64], params: Prepare, name: str) -> NDArray[np.int64]:
    for label in np.unique(raw.labels):
        count = len(np.unique(groups[raw.labels == label]))
        if count < params.folds:
            remedy = (
                "lower that, or leave the class out" if count > 1 else "is `groups` right? Duplicates are one group"
            )
            raise UserError(
                f"{name}: class {raw.label_names[label]} has {count} independent tracks, fewer than `prepare.folds`, "
                f"{params.folds}; {remedy}"
            )
    splitter = StratifiedGroupKFold(params.folds, shuffle=True, random_state=params.seed)
    folds = np.full(len(groups), TRAIN_ONLY, dtype=np.int64)
    for fold, (_, tested) in enumerate(splitter.split(np.zeros(len(groups)), raw.labels, groups)):
        folds[tested] = fold
    for label in np.unique(raw.labels):
        if len(np.unique(folds[raw.labels == label])) < 2:
            raise UserError(
                f"{name}: the groups leave all tracks of class {raw.label_names[label]} in one fold, with none to "
                "train on; change `prepare.seed` or `prepare.folds`, or leave the class out"
            )
    return folds
