"""Labels that have nothing to do with the clips, and what is expected of them."""

import numpy as np

from trajprobe.files import memory
from trajprobe.probes.arrays import Integers
from trajprobe.probes.settings import Probe


def permuted_labels(labels: Integers, groups: Integers, folds: Integers, params: Probe) -> Integers:
    """Labels that have nothing to do with the clips: (permutations n), for clips of `groups` (n) in `folds` (n).

    Groups change places with groups of the same fold, so that each fold has as many clips of each class as before: true
    labels are stratified, and others would vary less. A group that the set's own split parts changes places with such
    groups. Whole groups move: where all clips of a group have one label, their permuted labels agree as well, as far as
    the groups' sizes allow. So copies of a clip keep a common label, and a probe that has seen one knows the other's.
    """
    memory.require(8 * params.permutations * len(labels), "params.yaml: `probe.permutations`", "lower it")
    generator = np.random.default_rng(params.seed)
    shuffled = np.empty((params.permutations, len(labels)), dtype=np.int64)
    parts = [(clips, np.unique(groups[clips], return_inverse=True)[1]) for clips in _strata(groups, folds)]
    for row in shuffled:
        for clips, of_group in parts:
            place = generator.permutation(int(of_group.max()) + 1)[of_group]
            # Within a group in random order: where each subject does each class, swapping subjects would change nothing
            order = np.lexsort((generator.random(len(clips)), place))
            row[clips[order]] = labels[clips[np.argsort(of_group, kind="stable")]]
    return shuffled


def _strata(groups: Integers, folds: Integers) -> list[Integers]:
    """The clips whose groups are in the same folds, for each such set of folds."""
    names, of_group = np.unique(groups, return_inverse=True)
    numbers, of_fold = np.unique(folds, return_inverse=True)
    inside = np.zeros((len(names), len(numbers)), dtype=bool)
    inside[of_group, of_fold] = True
    stratum = np.unique(inside, axis=0, return_inverse=True)[1].ravel()[of_group]
    return [np.flatnonzero(stratum == number) for number in range(int(stratum.max()) + 1)]


def expected_right(labels: Integers, predictions: Integers) -> float:
    """How many of m predictions would be right, on average, were they dealt out among the clips at random.

    sum_k a_k b_k / m, with a_k predictions and b_k labels of class k: the agreement by chance given both marginals
    (Cohen 1960, A coefficient of agreement for nominal scales). It is taken within a fold, for folds are stratified: a
    class with more clips in train has fewer under test, which puts chance below 1 / k.
    """
    classes = int(max(labels.max(), predictions.max())) + 1
    return float(np.bincount(labels, minlength=classes) @ np.bincount(predictions, minlength=classes) / len(labels))
