"""Pairs of classes that are each other's reversal: only the order of the frames tells them apart."""

from collections.abc import Sequence

import numpy as np

from trajprobe.compare.metrics import Array, Integers
from trajprobe.compare.sample import ClipMeans, ClipWeights, Sample, Scores, sums_without_groups
from trajprobe.errors import UserError, visible_name, visible_names

#: What is right by chance: each clip is of one of two classes.
CHANCE = 0.5


def labels_of_pairs(pairs: Sequence[tuple[str, str]], names: Sequence[str], dataset: str) -> list[tuple[int, int]]:
    """The labels of pairs of classes (`compare.reversals.DATASET` of params.yaml), by their names (k).

    Raises:
        UserError: a class does not exist, or stands in two pairs.
    """
    key, flat = f"params.yaml: `compare.reversals.{dataset}`", [name for pair in pairs for name in pair]
    if unknown := [name for name in flat if name not in names]:
        raise UserError(f"{key}: got {visible_name(unknown[0])}, expected a class of {visible_names(names)}")
    if len(set(flat)) < len(flat):
        raise UserError(f"{key}: got a class twice, expected each in one pair: {visible_names(flat)}")
    return [(names.index(first), names.index(second)) for first, second in pairs]


def order_scores(predictions: Integers, sample: Sample, pairs: Sequence[tuple[int, int]]) -> ClipMeans | None:
    """Of the clips that are predicted to be of their own class or of its reversal, the share that is correct.

    0.5 is chance: nothing but the order of the frames tells two such classes apart. A network without such predictions
    has 0.5 as well.

    Args:
        predictions: (s n), of s networks.
        sample: the n tested clips.
        pairs: labels of classes that are each other's reversal.

    Returns None where no clip is of such a class.
    """
    reversal = np.full(int(max(sample.labels.max(), predictions.max())) + 1, -1)
    for first, second in pairs:
        if max(first, second) < len(reversal):
            reversal[[first, second]] = second, first
    inside = reversal[sample.labels] >= 0
    if not inside.any():
        return None
    labels, own = sample.labels[inside], predictions[:, inside]
    of_group = np.unique(sample.groups[inside], return_inverse=True)[1]
    correct, swapped = own == labels, own == reversal[labels]
    left_out = _share(*(sums_without_groups(part.astype(np.float64), of_group) for part in (correct, swapped)))
    values = _share(correct.sum(axis=1, dtype=np.float64), swapped.sum(axis=1, dtype=np.float64))
    of_clip = np.where(correct | swapped, correct, values[:, np.newaxis])
    scores = Scores(values, left_out, of_clip)
    return ClipMeans(scores, ClipWeights(np.full(len(labels), 1 / len(labels)), of_group, sample.trained))


def _share(correct: Array, swapped: Array) -> Array:
    total = correct + swapped
    return np.divide(correct, total, out=np.full_like(total, CHANCE), where=total > 0)
