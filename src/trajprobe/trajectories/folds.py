"""Which clips are tested by which fold: stratified by class, never parting a group; an original split is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.params import Parameters, UserError
from trajprobe.trajectories.canonical import Tracks, canonical, duplicates, merge
from trajprobe.trajectories.raw import Raw, save

#: The fold of a clip that is only ever trained on.
TRAIN_ONLY = -1


class Prepare(Parameters, frozen=True):
    """What the prepare stage does."""

    folds: Annotated[int, Meta(ge=2)]  #: folds of the cross-validation, where the set brings no split
    seed: Annotated[int, Meta(ge=0)]
    pool: Literal["auto", "synthetic"]  #: auto: the train half is the pretraining pool where the set has a split


@dataclass(frozen=True)
class Labelling:
    """What is known of each of n tracks beside its points."""

    labels: NDArray[np.int64]  #: (n), index in `names`
    names: NDArray[np.str_]  #: (k)
    groups: NDArray[np.int64]  #: (n)
    folds: NDArray[np.int64]  #: (n), the fold that tests the clip, or `TRAIN_ONLY`
    tracks: str  #: digest of the tracks
    leaked: int  #: tested tracks of which an exact duplicate is trained on, which only an original split can do

    def save(self, path: Path) -> None:
        arrays = {"labels": self.labels, "names": self.names, "groups": self.groups, "folds": self.folds}
        save(path, arrays | {"tracks": np.array(self.tracks), "leaked": np.array(self.leaked)})

    @staticmethod
    def load(path: Path) -> "Labelling":
        try:
            with np.load(path, allow_pickle=False) as file:
                parts = {key: file[key] for key in file.files}
        except FileNotFoundError:
            raise UserError(f"{path}: is not there; `dvc repro prepare` makes it, `dvc pull` fetches it") from None
        tracks, leaked = str(parts.pop("tracks")), int(parts.pop("leaked"))
        return Labelling(tracks=tracks, leaked=leaked, **parts)


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


def _stratified(raw: Raw, groups: NDArray[np.int64], params: Prepare, name: str) -> NDArray[np.int64]:
    for label in np.unique(raw.labels):
        count = len(np.unique(groups[raw.labels == label]))
        if count < params.folds:
            raise UserError(
                f"{name}: class {raw.label_names[label]} has {count} independent tracks, fewer than `prepare.folds`, "
                f"{params.folds}; lower it, or leave the class out"
            )
    splitter = StratifiedGroupKFold(params.folds, shuffle=True, random_state=params.seed)
    folds = np.full(len(groups), TRAIN_ONLY, dtype=np.int64)
    for fold, (_, tested) in enumerate(splitter.split(np.zeros(len(groups)), raw.labels, groups)):
        folds[tested] = fold
    return folds
