"""Metrics of predictions. A further one is an entry of `METRICS`; intervals, details and table follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Metric:
    """A score of predictions: `metric(labels, predictions)`, both integers (n), is a float.

    It is computed from the confusion matrix alone, so that one call gives its values in thousands of draws of the
    bootstrap.
    """

    title: str  #: in the table
    of_confusion: Callable[[Array], Array]  #: counts of clips [... true predicted] -> values [...]
    lowest: float = 0.0  #: value that there can be
    highest: float = 1.0

    def __call__(self, labels: Integers, predictions: Integers) -> float:
        return float(self.of_confusion(confusion_matrix(labels, predictions)))


def confusion_matrix(labels: Integers, predictions: Integers) -> Array:
    """Counts of clips [true predicted] by labels (n) and predictions (n); both sides have all classes of either."""
    classes = int(max(labels.max(), predictions.max())) + 1
    counts = np.bincount(labels * classes + predictions, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.float64)


def accuracy(confusion: Array) -> Array:
    """Share of clips whose prediction is correct."""
    return _correct(confusion).sum(axis=-1) / confusion.sum(axis=(-2, -1))


def balanced_accuracy(confusion: Array) -> Array:
    """Mean of the classes' recalls; a class without clips does not count."""
    clips = confusion.sum(axis=-1)
    return _class_mean(_correct(confusion), clips, clips > 0)


def macro_f1(confusion: Array) -> Array:
    """Mean of the classes' F1, 2 correct / (clips + predicted); a class without clips does not count."""
    clips, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return _class_mean(2 * _correct(confusion), clips + predicted, clips > 0)


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", accuracy),
    "balanced_accuracy": Metric("balanced accuracy", balanced_accuracy),
    "macro_f1": Metric("macro F1", macro_f1),
}


def area_under_curve(accuracies: Sequence[float], shots: Sequence[int]) -> float:
    """Area under a few-shot curve over log2 of the clips a class (trapezoids), from 0 to 1: a mean accuracy."""
    if len(shots) == 1:
        return float(accuracies[0])
    places = np.log2(shots)
    return float(np.trapezoid(accuracies, places) / (places[-1] - places[0]))


def _correct(confusion: Array) -> Array:
    """Correct clips of each class."""
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _class_mean(numerator: Array, denominator: Array, present: NDArray[np.bool_]) -> Array:
    """Mean of the classes' ratios [... class] over those that are present."""
    ratios = np.divide(numerator, denominator, out=np.zeros_like(denominator), where=present)
    return ratios.sum(axis=-1) / present.sum(axis=-1)
