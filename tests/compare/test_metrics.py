"""Scores against scikit-learn's, classes that are never predicted or never there included."""

import numpy as np
import pytest
from scipy import integrate
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from trajprobe.compare.metrics import area, confusion, scores

GENERATOR = np.random.default_rng(0)
CASES = {
    "all classes": (GENERATOR.integers(0, 4, 100), GENERATOR.integers(0, 4, 100)),
    "unbalanced": (GENERATOR.choice(4, 100, p=[0.7, 0.2, 0.05, 0.05]), GENERATOR.integers(0, 4, 100)),
    "never predicted": (GENERATOR.integers(0, 4, 60), GENERATOR.integers(0, 3, 60)),
    "all right": (np.arange(9) % 3, np.arange(9) % 3),
    "all wrong": (np.arange(9) % 3, (np.arange(9) + 1) % 3),
}


@pytest.mark.parametrize(("labels", "predictions"), CASES.values(), ids=CASES)
def test_scores_are_those_of_scikit_learn(labels, predictions):
    assert dict(scores(labels, predictions)) == pytest.approx(
        {
            "accuracy": accuracy_score(labels, predictions),
            "balanced_accuracy": balanced_accuracy_score(labels, predictions),
            "macro_f1": f1_score(labels, predictions, average="macro", labels=np.unique(labels), zero_division=0),
        }
    )


def test_a_class_without_clips_does_not_count_though_it_is_predicted():
    labels, predictions = np.array([0, 0, 1, 1, 3, 3]), np.array([0, 2, 1, 4, 3, 0])
    found = dict(scores(labels, predictions))
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 2) / 3)
    assert found["macro_f1"] == pytest.approx((2 * 1 / (2 + 2) + 2 * 1 / (2 + 1) + 2 * 1 / (2 + 1)) / 3)
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predictions, labels=[0, 1, 3], average="macro"))


def test_confusion_counts_true_by_guessed():
    assert confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 4).tolist() == [
        [1, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("accuracies", "counts", "expected"),
    [([0.3, 0.3, 0.3], [1, 2, 4], 0.3), ([0, 1], [1, 2], 0.5), ([0.7], [1], 0.7), ([0, 0, 1], [1, 2, 4], 0.25)],
)
def test_the_area_is_a_mean_accuracy(accuracies, counts, expected):
    assert area(accuracies, counts) == pytest.approx(expected)


def test_the_area_is_the_integral_over_log2_of_the_clips():
    accuracies, counts = [0.1, 0.35, 0.4, 0.8], [1, 2, 4, 8]
    line, _ = integrate.quad(lambda place: np.interp(place, range(4), accuracies), 0, 3, points=[1, 2])
    assert area(accuracies, counts) == pytest.approx(line / 3)
