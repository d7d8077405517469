"""The delete-a-group jackknife: the values of metrics with each group of clips left out."""

from collections.abc import Mapping

import numpy as np

from trajprobe.compare.metrics import Array, Counts, Integers, Metric


def jackknife(
    labels: Integers, predictions: Integers, groups: Integers, metrics: Mapping[str, Metric]
) -> dict[str, Array]:
    """Values (v g) of each metric of `predictions` (v n) of `labels` (n), by its name, without each group (n) in turn.

    Groups are in the order of their names. A metric is of counts by class, and what is left of these is all counts
    less the group's own (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 11; by group: Kott 2001,
    Journal of Official Statistics 17, 521-526).
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    count, classes = int(of_group.max()) + 1, int(max(labels.max(), predictions.max())) + 1
    first = of_group * classes

    def left(of_clip: Integers) -> Array:
        """Counts [g class] of the clips without each group."""
        counts = np.bincount(of_clip, minlength=count * classes).reshape(count, classes).astype(np.float64)
        return np.asarray(counts.sum(axis=0) - counts)

    clips = left(first + labels)
    values = {name: np.empty((len(predictions), count)) for name in metrics}
    for place, predicted in enumerate(predictions):
        correct = labels == predicted
        counts = Counts(clips, left(first + predicted), left((first + labels)[correct]))
        for name, metric in metrics.items():
            values[name][place] = metric.of_counts(counts)
    return values
