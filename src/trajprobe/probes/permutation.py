"""Labels that have nothing to do with the clips, and what is expected of them."""

import numpy as np

from trajprobe.files import memory
from trajprobe.probes.arrays import Integers
from trajprobe.probes.settings import Probe


def permuted_labels(labels: Integers, groups: Integers, params: Probe) -> Integers:
    """Labels that have nothing to do with the clips: (permutations n).

    Whole groups change places: where all clips of a group have one label, their permuted labels agree as well, as
    far as the groups' sizes allow.
    """
    memory.require(8 * params.permutations * len(labels), "params.yaml: `probe.permutations`", "lower it")
    generator = np.random.default_rng(params.seed)
    shuffled = np.empty((params.permutations, len(labels)), dtype=np.int64)
    in_order = labels[np.argsort(groups, kind="stable")]
    for row in shuffled:
        place = generator.permutation(int(groups.max()) + 1)[groups]
        # Within a group in random order: where each subject does each class, swapping subjects would change nothing.
        row[np.lexsort((generator.random(len(labels)), place))] = in_order
    return shuffled


def expected_right(labels: Integers, predictions: Integers) -> float:
    """How many of m predictions would be right, on average, were they dealt out among the clips at random.

    sum_k a_k b_k / m, with a_k predictions and b_k labels of class k: the agreement by chance given both marginals
    (Cohen 1960, A coefficient of agreement for nominal scales). It is taken within a fold, for folds are stratified: a
    class with more clips in train has fewer under test, which puts chance below 1 / k.
    """
    classes = int(max(labels.max(), predictions.max())) + 1
    return float(np.bincount(labels, minlength=classes) @ np.bincount(predictions, minlength=classes) / len(labels))
