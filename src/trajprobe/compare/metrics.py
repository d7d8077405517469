"""Scores of out-of-fold predictions, by name, and of few-shot curves."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

Integers = NDArray[np.int64]


def scores(labels: Integers, predictions: Integers) -> Iterator[tuple[str, float]]:
    """(name, value) of each score of predictions (n) of labels (n); a class without clips does not count.

    Balanced accuracy is the mean of the classes' recalls; macro F1 the mean of the classes' F1.
    """
    counts = confusion(labels, predictions, int(max(labels.max(), predictions.max())) + 1)
    right, true, guessed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    present = true > 0
    yield "accuracy", float(right.sum() / true.sum())
    yield "balanced_accuracy", float((right[present] / true[present]).mean())
    yield "macro_f1", float((2 * right[present] / (true + guessed)[present]).mean())


def confusion(labels: Integers, predictions: Integers, classes: int) -> Integers:
    """Counts (true guessed), each of size `classes`."""
    counts: Integers = confusion_matrix(labels, predictions, labels=np.arange(classes))
    return counts


def area(accuracies: Sequence[float], counts: Sequence[int]) -> float:
    """Area under the curve of accuracies over log2 of the clips a class (trapezoids), from 0 to 1: a mean accuracy."""
    if len(counts) == 1:
        return float(accuracies[0])
    places = np.log2(counts)
    return float(np.trapezoid(accuracies, places) / (places[-1] - places[0]))
