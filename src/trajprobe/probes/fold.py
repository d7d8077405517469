"""Probing one fold: every clip is predicted once, by a probe that never saw it, its group, or anything fitted on it."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from trajprobe.files.labelling import Labelling
from trajprobe.probes.classifiers import Integers, Matrix
from trajprobe.probes.few_shot import curve
from trajprobe.probes.permutation import expected_right
from trajprobe.probes.selection import select
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import views


class Fold(NamedTuple):
    """What probing one fold gave; it tests m of the clips."""

    tested: Integers  #: (m), which clips
    predictions: Integers  #: (m)
    equal: Integers  #: (m), predictions at equal dimension
    chosen: float  #: of the classifier's grid, inside train
    at_edge: bool  #: whether a wider grid might have done better
    right_permuted: Integers  #: (permutations), how many of the m were right when the labels were permuted
    expected_permuted: NDArray[np.float64]  #: (permutations), how many would be by chance
    few_shot: list[list[float]]  #: (draws shots), accuracy
    converged: bool  #: whether the classifiers that predicted them had


def probe_fold(
    x: Matrix,
    labelling: Labelling,
    fold: int,
    permuted: Integers,
    drawn: Sequence[Integers],
    counts: Sequence[int],
    params: Probe,
) -> Fold:
    """Chooses from the grid and trains on all other folds, and predicts this one.

    Args:
        x: (n d), features of one network.
        labelling: of the n clips.
        fold: the one to test; the others, and clips that are only ever trained on, are train.
        permuted: (permutations n), labels that have nothing to do with the clips.
        drawn: labelled clips of each few-shot draw (classes most).
        counts: how many of them a class, one after the other.
        params: the probe's.
    """
    # Told once a row, by `converged`, and not by a warning a fit.
    warnings.simplefilter("ignore", ConvergenceWarning)
    labels = labelling.labels
    train, test = np.flatnonzero(labelling.folds != fold), np.flatnonzero(labelling.folds == fold)
    choices = select(x[train], labels[train], labelling.groups[train], params)
    both = views(x[train], x[test], params)
    classifier = params.model
    fitted = [
        classifier.fit(seen, labels[train], choice.value, params.seed)
        for choice, (seen, _) in zip(choices, both, strict=True)
    ]
    predictions = [one.predict(unseen) for one, (_, unseen) in zip(fitted, both, strict=True)]

    # What comes before the classifier does not see the labels: it serves the permutations and the few shots as well.
    seen, unseen = both[0]
    guesses = [classifier.fit(seen, one[train], choices[0].value, params.seed).predict(unseen) for one in permuted]
    right = [np.sum(guess == one[test]) for guess, one in zip(guesses, permuted, strict=True)]
    expected = [expected_right(one[test], guess) for guess, one in zip(guesses, permuted, strict=True)]
    few = [
        curve(seen[np.searchsorted(train, clips)], labels[clips], unseen, labels[test], counts, params)
        for clips in drawn
    ]
    return Fold(
        test,
        predictions[0],
        predictions[-1],
        choices[0].value,
        choices[0].at_edge,
        np.array(right, dtype=np.int64),
        np.array(expected, dtype=np.float64),
        few,
        all(map(classifier.converged, fitted)),
    )


def tested_folds(folds: Integers) -> list[int]:
    return [int(fold) for fold in np.unique(folds) if fold >= 0]
