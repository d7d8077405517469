"""Probing one fold: every clip is predicted once, by a probe that never saw it, its group, or anything fitted on it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from trajprobe.probes import few_shot
from trajprobe.probes.arrays import Integers
from trajprobe.probes.clips_of_tracks import labels_of_clips
from trajprobe.probes.permutation import expected_right
from trajprobe.probes.selection import Split, select
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures, at_levels, equal_width, views


@dataclass(frozen=True)
class OuterFold:
    """A fold, and all that is drawn for it; it depends on nothing of the features."""

    train: Integers  #: all clips but those of the fold
    test: Integers  #: (m), the clips of the fold
    splits: list[Split]  #: of train, for the selection
    permuted: Integers  #: (permutations n), labels that have nothing to do with the clips
    labelled: list[Integers]  #: of each few-shot draw (classes most), clips of train
    shots: list[int]  #: how many of them a class, one after the other


class ViewProbe(NamedTuple):
    """What probing a fold of m clips by one view gave."""

    predictions: Integers  #: (m)
    value: float  #: of the classifier's grid, inside train
    at_edge: bool  #: whether a wider grid might have done better
    converged: bool  #: whether the classifier that predicted them had


class FoldProbe(NamedTuple):
    """What probing a fold of m clips gave. What was not run is empty."""

    views: list[ViewProbe]
    number: int  #: of the view that was chosen inside train; all that follows is of it
    equal: Integers | None  #: (m), predictions at equal dimension
    right_permuted: Integers  #: (permutations), how many of the m were right when the labels were permuted
    expected_permuted: NDArray[np.float64]  #: (permutations), how many would be by chance
    few_shot: list[NDArray[np.bool_]]  #: of each draw (shots m), whether the prediction is correct
    at_levels: list[Integers]  #: of each level of clutter, predictions (m) by the probe of the plain clips
    converged: bool  #: whether the classifiers had that predicted the clips, at equal dimension too

    @property
    def chosen(self) -> ViewProbe:
        """The view that was chosen."""
        return self.views[self.number]


def probe_fold(
    features: Sequence[ProbedFeatures], labels: Integers, outer: OuterFold, equal: bool, params: Probe
) -> FoldProbe:
    """Chooses from the grid and trains on all other folds, and predicts this one; by each view of a network.

    The view that did best inside train stands for the network; of equals it is the first. The tested clips have no
    part in that choice.

    Args:
        features: of the views of one network, for n tracks.
        labels: (n).
        outer: the fold.
        equal: whether to predict at equal dimension as well.
        params: the probe's.
    """
    # Recorded once a row, in `converged`, and not by a warning a fit.
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test, classifier, cameras = outer.train, outer.test, params.model, features[0].cameras
    answers, clips = labels_of_clips(labels[train], cameras), len(train) * cameras
    furthers = [equal and equal_width(clips, view.dimensions, params) is not None for view in features]
    choices = [
        select(view, labels, outer.splits, further, params) for view, further in zip(features, furthers, strict=True)
    ]
    number = max(range(len(features)), key=lambda view: choices[view][0].correct)
    probed = []
    for view, (choice, *_) in enumerate(choices):
        if view == number:
            both = views(features[view], train, test, furthers[view], params)
            fits = [classifier.fits(seen, params.seed) for seen, _ in both]
            fitted = [fit(answers, each.value) for fit, each in zip(fits, choices[view], strict=True)]
            model, unseen = fitted[0], both[0][1]
        else:
            ((seen, unseen),) = views(features[view], train, test, False, params)
            model = classifier.fit(seen, answers, choice.value, params.seed)
        predictions = classifier.predictions(model, unseen, cameras)
        probed.append(ViewProbe(predictions, choice.value, choice.at_edge, classifier.converged(model)))

    # What comes before the classifier does not see the labels: it serves the permutations and the few shots as well.
    (seen, unseen), others, value = both[0], outer.permuted[:, test], probed[number].value
    equal_predictions = (
        classifier.predictions(fitted[1], both[1][1], cameras) if len(both) > 1 else probed[number].predictions
    )
    guesses = [
        classifier.predictions(fits[0](labels_of_clips(permuted, cameras), value), unseen, cameras)
        for permuted in outer.permuted[:, train]
    ]
    of_tracks = seen.reshape(len(train), cameras, -1)
    return FoldProbe(
        probed,
        number,
        equal_predictions if equal else None,
        np.array([np.sum(guess == answer) for guess, answer in zip(guesses, others, strict=True)], dtype=np.int64),
        np.array([expected_right(*pair) for pair in zip(others, guesses, strict=True)]),
        [
            few_shot.correct(
                of_tracks[np.searchsorted(train, tracks)], labels[tracks], unseen, labels[test], outer.shots, params
            )
            for tracks in outer.labelled
        ],
        [
            classifier.predictions(fitted[0], cluttered, cameras)
            for cluttered in at_levels(features[number], train, test, params)
        ],
        all(map(classifier.converged, fitted)),
    )
