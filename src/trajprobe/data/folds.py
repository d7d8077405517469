"""Which clips are tested by which fold: stratified by class, each group whole; an original split is kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.data.canonical import canonical, duplicates, merge
from trajprobe.data.raw import Raw, only
from trajprobe.data.raw_file import several
from trajprobe.data.shared_runs import joined, shared_runs
from trajprobe.errors import UserError, visible_name
from trajprobe.files.findings import Finding, Guards
from trajprobe.files.labelling import TRAIN_ONLY, Labelling
from trajprobe.files.tracks import Tracks
from trajprobe.params import Parameters, Seed
from trajprobe.statistics.group_folds import stratified_group_folds

#: Of a class that is too small.
LEAVE_OUT = "leave the class out (`trajprobe data import` with --drop-class)"


class Prepare(Parameters, frozen=True):
    """What the prepare stage does."""

    folds: Annotated[int, Meta(ge=2, le=1000)]  #: folds of the cross-validation, where the set brings no split
    seed: Seed
    duplicates: Literal["keep", "drop"]  #: drop: where the set has a split, train is without copies of tested tracks
    shared_runs: Literal["keep", "group"]  #: group: tracks that share runs of points are one group
    guards: Guards  #: stop: a grave finding ends the run
    pool: Literal["auto", "synthetic"]  #: auto: the train half is the pretraining pool where the set has a split


def used(raw: Raw, params: Prepare, path: Path) -> Raw:
    """`raw`, without the exact duplicates of tested tracks in train where they are to be dropped.

    The test half stays whole. `path` is the file's, for messages.

    Raises:
        UserError: a class has nothing left to train on.
    """
    if raw.split is None or params.duplicates == "keep":
        return raw
    same = duplicates(canonical(raw))
    copies = (raw.split == "train") & np.isin(same, same[raw.split == "test"])
    reason = "exact duplicates, in train, of tested tracks (`prepare.duplicates: drop`)"
    return only(path, raw, ~copies, reason, remedy="set `prepare.duplicates: keep`, or correct `split`")


def prepare(raw: Raw, params: Prepare, name: str, *, in_place: bool = False) -> tuple[Tracks, Labelling]:
    """Canonical tracks and their folds. `name` is the data set's, for messages; `in_place` as `canonical` has it.

    Raises:
        UserError: a class has fewer groups than there are folds.
    """
    tracks = canonical(raw, in_place=in_place)
    same = duplicates(tracks)
    groups = merge(raw.groups, same)
    if params.shared_runs == "group":
        groups = merge(groups, joined(shared_runs(tracks, same), len(tracks)))
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


def summary(name: str, labelling: Labelling, pool: Tracks, findings: Sequence[Finding]) -> str:
    """What the stage made; below it each finding, a line each."""
    tested = int((labelling.folds >= 0).sum())
    folds = int(labelling.folds.max()) + 1
    made = (
        f"{name}: {len(labelling.labels)} tracks, {len(labelling.names)} classes, "
        f"{len(np.unique(labelling.groups))} groups, {tested} tested in {folds} fold{'s' * (folds > 1)}; "
        f"{len(pool)} tracks in the pool"
    )
    return "\n  ".join([made, *(finding.text for finding in findings)])


def _stratified(raw: Raw, groups: NDArray[np.int64], params: Prepare, name: str) -> NDArray[np.int64]:
    for label in np.unique(raw.labels):
        count = len(np.unique(groups[raw.labels == label]))
        if count < params.folds:
            remedy = f"lower that, or {LEAVE_OUT}" if count > 1 else "is `groups` right? Duplicates are one group"
            unit = "group" if len(raw.group_names) < len(raw.groups) else "independent track"
            raise UserError(
                f"{name}: class {visible_name(raw.label_names[label])} has {several(count, unit)}, fewer than "
                f"`prepare.folds`, {params.folds}; {remedy}"
            )
    folds = stratified_group_folds(raw.labels, groups, params.folds, params.seed)
    for label in np.unique(raw.labels):
        if len(np.unique(folds[raw.labels == label])) < 2:
            raise UserError(
                f"{name}: the groups leave all tracks of class {visible_name(raw.label_names[label])} in one fold, "
                f"with none to train on; change `prepare.seed` or `prepare.folds`, or {LEAVE_OUT}"
            )
    return folds
