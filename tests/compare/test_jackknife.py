"""The delete-a-group jackknife, against the metrics of the clips that are left."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS

#: Six groups of one to four clips; their names are in no order.
GROUPS = np.array([7, 7, 7, 3, 3, 5, 9, 9, 9, 9, 1, 1, 12])
LABELS = np.array([0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 0, 2, 0])
PREDICTIONS = np.array([[0, 1, 2, 2, 0, 0, 0, 0, 1, 1, 0, 2, 1], [0, 0, 0, 0, 0, 1, 2, 0, 1, 3, 1, 2, 0]])


def scores(labels, predictions):
    """Of all metrics, without a class that has no clips."""
    return {
        "accuracy": accuracy_score(labels, predictions),
        "balanced_accuracy": balanced_accuracy_score(labels, predictions),
        "macro_f1": f1_score(labels, predictions, average="macro", labels=np.unique(labels), zero_division=0),
    }


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("labels", [LABELS, np.where(GROUPS == 5, 3, LABELS)], ids=["shared", "a class of one group"])
def test_it_is_the_metric_of_the_clips_that_are_left(labels):
    values = jackknife(labels, PREDICTIONS, GROUPS, METRICS)
    assert set(values) == set(METRICS)
    for row, predicted in enumerate(PREDICTIONS):
        for place, group in enumerate(sorted(set(GROUPS.tolist()))):
            left = group != GROUPS
            expected = scores(labels[left], predicted[left])
            assert {name: values[name][row, place] for name in METRICS} == pytest.approx(expected)


def test_it_has_the_metrics_that_it_is_asked_for():
    values = jackknife(LABELS, PREDICTIONS[:1], np.arange(13), {"f1": METRICS["macro_f1"]})
    assert {name: part.shape for name, part in values.items()} == {"f1": (1, 13)}
