"""Probing one fold: every clip is predicted once, by a probe that never saw it, its group, or anything fitted on it."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from trajprobe.probes import few_shot
from trajprobe.probes.arrays import Integers
from trajprobe.probes.permutation import expected_right
from trajprobe.probes.selection import Split, select
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures, equal_width, views


@dataclass(frozen=True)
class OuterFold:
    """A fold, and all that is drawn for it; it depends on nothing of the features."""

    train: Integers  #: all clips but those of the fold
    test: Integers  #: (m), the clips of the fold
    splits: list[Split]  #: of train, for the selection
    permuted: Integers  #: (permutations n), labels that have nothing to do with the clips
    labelled: list[Integers]  #: of each few-shot draw (classes most), clips of train
    shots: list[int]  #: how many of them a class, one after the other


class FoldProbe(NamedTuple):
    """What probing a fold of m clips gave. What was not run is empty."""

    predictions: Integers  #: (m)
    equal: Integers | None  #: (m), predictions at equal dimension
    chosen: float  #: of the classifier's grid, inside train
    at_edge: bool  #: whether a wider grid might have done better
    right_permuted: Integers  #: (permutations), how many of the m were right when the labels were permuted
    expected_permuted: NDArray[np.float64]  #: (permutations), how many would be by chance
    few_shot: list[NDArray[np.bool_]]  #: of each draw (shots m), whether the prediction is correct
    converged: bool  #: whether the classifiers that predicted them had


def probe_fold(features: ProbedFeatures, labels: Integers, outer: OuterFold, equal: bool, params: Probe) -> FoldProbe:
    """Chooses from the grid and trains on all other folds, and predicts this one.

    Args:
        features: of one network, for n clips.
        labels: (n).
        outer: the fold.
        equal: whether to predict at equal dimension as well.
        params: the probe's.
    """
    # Recorded once a row, in `converged`, and not by a warning a fit.
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test, classifier = outer.train, outer.test, params.model
    further = equal and equal_width(len(train), features.dimensions, params) is not None
    choices = select(features, labels, outer.splits, further, params)
    both = views(features, train, test, further, params)
    fits = [classifier.fits(seen, params.seed) for seen, _ in both]
    fitted = [fit(labels[train], choice.value) for fit, choice in zip(fits, choices, strict=True)]
    predictions = [model.predict(unseen) for model, (_, unseen) in zip(fitted, both, strict=True)]

    # What comes before the classifier does not see the labels: it serves the permutations and the few shots as well.
    (seen, unseen), answers = both[0], outer.permuted[:, test]
    guesses = [fits[0](permuted, choices[0].value).predict(unseen) for permuted in outer.permuted[:, train]]
    return FoldProbe(
        predictions[0],
        predictions[-1] if equal else None,
        choices[0].value,
        choices[0].at_edge,
        np.array([np.sum(guess == answer) for guess, answer in zip(guesses, answers, strict=True)], dtype=np.int64),
        np.array([expected_right(*pair) for pair in zip(answers, guesses, strict=True)]),
        [
            few_shot.correct(
                seen[np.searchsorted(train, clips)], labels[clips], unseen, labels[test], outer.shots, params
            )
            for clips in outer.labelled
        ],
        all(map(classifier.converged, fitted)),
    )
