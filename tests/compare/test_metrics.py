"""Metrics against scikit-learn's, with classes that are never predicted or that have no clips."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from trajprobe.compare import metrics
from trajprobe.compare.metrics import METRICS, Counts, Metric

GENERATOR = np.random.default_rng(0)
CASES = {
    "all classes": (GENERATOR.integers(0, 4, 100), GENERATOR.integers(0, 4, 100)),
    "unbalanced": (GENERATOR.choice(4, 100, p=[0.7, 0.2, 0.05, 0.05]), GENERATOR.integers(0, 4, 100)),
    "never predicted": (GENERATOR.integers(0, 4, 60), GENERATOR.integers(0, 3, 60)),
    "all right": (np.arange(9) % 3, np.arange(9) % 3),
    "all wrong": (np.arange(9) % 3, (np.arange(9) + 1) % 3),
}


def by_scikit_learn(labels, predictions):
    present = np.unique(labels)
    return {
        "accuracy": accuracy_score(labels, predictions),
        "balanced_accuracy": balanced_accuracy_score(labels, predictions),
        "macro_f1": f1_score(labels, predictions, average="macro", labels=present, zero_division=0),
    }


@pytest.mark.parametrize(("labels", "predictions"), CASES.values(), ids=CASES)
def test_metrics_are_those_of_scikit_learn(labels, predictions):
    values = {name: metric(labels, predictions) for name, metric in METRICS.items()}
    assert values == pytest.approx(by_scikit_learn(labels, predictions))
    assert all(type(value) is float for value in values.values())


def test_a_class_without_clips_does_not_count_though_it_is_predicted():
    labels, predictions = np.array([0, 0, 1, 1, 3, 3]), np.array([0, 2, 1, 4, 3, 0])
    assert METRICS["accuracy"](labels, predictions) == pytest.approx(3 / 6)
    assert METRICS["balanced_accuracy"](labels, predictions) == pytest.approx((1 / 2 + 1 / 2 + 1 / 2) / 3)
    f1 = METRICS["macro_f1"](labels, predictions)
    assert f1 == pytest.approx((2 * 1 / (2 + 2) + 2 * 1 / (2 + 1) + 2 * 1 / (2 + 1)) / 3)
    assert f1 == pytest.approx(f1_score(labels, predictions, labels=[0, 1, 3], average="macro"))


def test_many_counts_are_taken_at_once():
    tables = [GENERATOR.integers(0, 4, (2, 50)) for _ in range(6)]
    parts = [(labels, predicted, labels[labels == predicted]) for labels, predicted in tables]
    counts = Counts(*(np.array([np.bincount(one, minlength=4) for one in of]) for of in zip(*parts, strict=True)))
    counts = Counts(*(part.reshape(2, 3, 4).astype(float) for part in counts))
    for name, metric in METRICS.items():
        expected = np.array([by_scikit_learn(*table)[name] for table in tables]).reshape(2, 3)
        np.testing.assert_allclose(metric.of_counts(counts), expected)


def test_a_metric_has_its_range_and_says_whether_classes_count_alike():
    assert all(metric.ends == (0, 1) for metric in METRICS.values())
    assert Metric("kappa", metrics.accuracy, by_class=False, ends=(-1, 1)).ends[0] == -1
    assert [metric.by_class for metric in METRICS.values()] == [False, True, True]
