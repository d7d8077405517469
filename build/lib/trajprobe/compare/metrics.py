"""Metrics of predictions. A further one is an entry of `METRICS`; intervals, details and table follow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class Counts(NamedTuple):
    """Clips [... class] that are of a class, that are predicted to be, and that are both."""

    clips: Array
    predicted: Array
    correct: Array


@dataclass(frozen=True)
class Metric:
    """A score of predictions: `metric(labels, predictions)`, both integers (n), is a float.

    It is computed from counts by class alone, so that one call gives its values with each group left out.
    """

    title: str  #: in the table
    of_counts: Callable[[Counts], Array]  #: counts [... class] -> values [...]
    by_class: bool  #: whether classes count alike, or else clips
    ends: tuple[float, float] = (0.0, 1.0)  #: the lowest and the highest value that there can be

    def __call__(self, labels: Integers, predictions: Integers) -> float:
        classes = int(max(labels.max(), predictions.max())) + 1
        parts = (labels, predictions, labels[labels == predictions])
        return float(
            self.of_counts(Counts(*(np.bincount(part, minlength=classes).astype(np.float64) for part in parts)))
        )


def accuracy(counts: Counts) -> Array:
    """Share of clips whose prediction is correct."""
    return np.asarray(counts.correct.sum(axis=-1) / counts.clips.sum(axis=-1))


def balanced_accuracy(counts: Counts) -> Array:
    """Mean of the classes' recalls; a class without clips does not count."""
    return _class_mean(counts.correct, counts.clips, counts.clips > 0)


def macro_f1(counts: Counts) -> Array:
    """Mean of the classes' F1, 2 correct / (clips + predicted); a class without clips does not count."""
    return _class_mean(2 * counts.correct, counts.clips + counts.predicted, counts.clips > 0)


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", accuracy, by_class=False),
    "balanced_accuracy": Metric("balanced accuracy", balanced_accuracy, by_class=True),
    "macro_f1": Metric("macro F1", macro_f1, by_class=True),
}


def _class_mean(numerator: Array, denominator: Array, present: NDArray[np.bool_]) -> Array:
    """Mean of the classes' ratios [... class] over those that are present."""
    ratios = np.divide(numerator, denominator, out=np.zeros_like(denominator), where=present)
    return ratios.sum(axis=-1) / present.sum(axis=-1)
