"""Which value of the classifier's grid is taken, and which layer: chosen inside the training clips, by group.

The chosen value's score is not reported: it is the best of many.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trajprobe.errors import UserError
from trajprobe.probes.arrays import Integers
from trajprobe.probes.clips_of_tracks import labels_of_clips
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures, views
from trajprobe.statistics.group_folds import stratified_group_folds


class Split(NamedTuple):
    """An inner fold."""

    train: Integers  #: clips that are fitted to
    test: Integers  #: clips that are predicted


class Choice(NamedTuple):
    """Of one view."""

    value: float
    at_edge: bool  #: it stands at an end of the grid, and was better than its neighbour: a wider one might do better
    correct: int = 0  #: clips of train that the probes of other inner folds predict correctly with it


def inner_splits(
    train: Integers, labels: Integers, groups: Integers, params: Probe, *, choices: int = 1
) -> list[Split]:
    """The inner folds of `train`, which are some of the clips that have `labels` (n) and `groups` (n).

    None where there is nothing to choose: the grid has one value, and there is one of what else is chosen, of which
    there are so many `choices`. They depend on nothing of the features: all networks have the same.

    Raises:
        UserError: there are too few groups or clips for them.
    """
    if len(params.model.grid) == 1 and choices == 1:
        return []
    for what, count in (
        ("groups", len(np.unique(groups[train]))),
        ("clips of its largest class", int(np.bincount(labels[train]).max())),
    ):
        if count < params.inner_folds:
            raise UserError(
                f"probe: a fold trains on {count} {what}, fewer than `probe.inner_folds`, {params.inner_folds}; lower "
                f"that, or give `probe.{params.model.key}` one value, for which nothing is to be chosen"
            )
    folds = stratified_group_folds(labels[train], groups[train], params.inner_folds, params.seed)
    splits = [Split(train[folds != fold], train[folds == fold]) for fold in range(params.inner_folds)]
    if any(len(np.unique(labels[split.train])) < 2 for split in splits):
        raise UserError(
            "probe: an inner fold trains on one class; the classes have too few groups for `probe.inner_folds`"
        )
    return splits


def select(
    features: ProbedFeatures, labels: Integers, splits: Sequence[Split], equal: bool, params: Probe
) -> list[Choice]:
    """For the row's own view, and if `equal` for that at equal dimension, the value that did best.

    It has the best accuracy over the inner folds; of equals it is the simplest.

    Raises:
        UserError: an inner fold has too few clips for the most neighbours.
    """
    classifier = params.model
    grid = classifier.grid
    if not splits:
        return [Choice(grid[0], False)] * (1 + equal)
    right: list[list[list[np.int64]]] = []  # (splits views values)
    for split in splits:
        fitted, answers = labels_of_clips(labels[split.train], features.cameras), labels[split.test]
        right.append([])
        for seen, unseen in views(features, split.train, split.test, equal, params):
            models = classifier.fit_grid(seen, fitted, params.seed)
            guesses = [classifier.predictions(model, unseen, features.cameras) for model in models]
            right[-1].append([np.sum(guess == answers) for guess in guesses])
    return [best_of(grid, counts, classifier.last) for counts in np.sum(right, axis=0)]


def best_of(grid: tuple[float, ...], right: Integers, last: float | None) -> Choice:
    """Of the values of a grid, that with the most clips `right` (values).

    Of equals it is the first. Those before it are worse, so that only the first value can be an edge by a tie. `last`
    is a value that is no edge.
    """
    best = int(right.argmax())
    at_end = best in (0, len(grid) - 1) and grid[best] != last
    neighbour = right[best - 1] if best else right[min(1, len(grid) - 1)]
    return Choice(grid[best], bool(at_end and right[best] > neighbour), int(right[best]))
