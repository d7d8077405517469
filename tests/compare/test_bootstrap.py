"""The bootstrap of groups: against all samples of few groups, and against draws that repeat their clips one by one."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from trajprobe.compare import bootstrap as module
from trajprobe.compare.bootstrap import CHUNK, bootstrap
from trajprobe.compare.metrics import METRICS, Metric

#: Six groups of one to four clips; their names are in no order.
GROUPS = np.array([7, 7, 7, 3, 3, 5, 9, 9, 9, 9, 1, 1, 12])
LABELS = np.array([0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 0, 2, 0])
PREDICTIONS = np.array([[0, 1, 2, 2, 0, 0, 0, 0, 1, 1, 0, 2, 1], [0, 0, 0, 0, 0, 1, 2, 0, 1, 1, 1, 2, 0]])


def scores(labels, predictions):
    """Of all metrics, without a class that has no clips."""
    return {
        "accuracy": accuracy_score(labels, predictions),
        "balanced_accuracy": balanced_accuracy_score(labels, predictions),
        "macro_f1": f1_score(labels, predictions, average="macro", labels=np.unique(labels), zero_division=0),
    }


def drawn(draws=2000, seed=0, predictions=PREDICTIONS, labels=LABELS, groups=GROUPS, metrics=METRICS):
    return bootstrap(labels, predictions, groups, metrics, draws, seed)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_a_draw_holds_the_clips_of_its_groups_as_often_as_they_are_drawn():
    """Those counts are numpy's multinomial ones, one a group in the order of the groups' names."""
    draws = 40
    counts = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=draws)
    values = drawn(draws, seed=3)
    for draw, times in enumerate(counts):
        clips = np.repeat(np.arange(13), times[np.unique(GROUPS, return_inverse=True)[1]])
        for row, predictions in enumerate(PREDICTIONS):
            expected = scores(LABELS[clips], predictions[clips])
            assert {name: values[name][row, draw] for name in METRICS} == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_draws_are_those_of_all_samples_of_the_groups():
    members = [np.flatnonzero(name == GROUPS) for name in np.unique(GROUPS)]
    # The order of the groups does not matter, so each set of them stands for all its orders.
    weights, expected = [], {name: [] for name in METRICS}
    for groups, orders in Counter(tuple(sorted(sample)) for sample in product(range(6), repeat=6)).items():
        clips = np.concatenate([members[group] for group in groups])
        weights.append(orders / 6**6)
        for name, value in scores(LABELS[clips], PREDICTIONS[0][clips]).items():
            expected[name].append(value)
    values = drawn(40000)
    for name in METRICS:
        mean = np.average(expected[name], weights=weights)
        spread = np.sqrt(np.average((np.array(expected[name]) - mean) ** 2, weights=weights))
        assert values[name][0].mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(40000))
        assert values[name][0].std() == pytest.approx(spread, rel=0.02)
        for place in np.linspace(0.05, 0.95, 7):
            quantile = np.quantile(values[name][0], place)
            below = np.average(np.array(expected[name]) < quantile - 1e-9, weights=weights)
            upto = np.average(np.array(expected[name]) <= quantile + 1e-9, weights=weights)
            assert below - 0.01 <= place <= upto + 0.01


def test_all_rows_are_drawn_alike():
    """So that a difference of two is paired."""
    alone, both = drawn(predictions=PREDICTIONS[:1]), drawn(predictions=PREDICTIONS[[1, 0, 0]])
    for name in METRICS:
        np.testing.assert_array_equal(both[name][1], alone[name][0])
        np.testing.assert_array_equal(both[name][2], alone[name][0])
    flipped = drawn(labels=np.zeros(13, dtype=int), predictions=np.stack([LABELS % 2, 1 - LABELS % 2]))["accuracy"]
    np.testing.assert_allclose(flipped[0], 1 - flipped[1])


@pytest.mark.parametrize("draws", [CHUNK - 1, CHUNK, 2 * CHUNK + 200])
def test_draws_repeat_and_the_seed_matters(draws):
    generator, groups = np.random.default_rng(0), np.arange(400)
    labels, predictions, weights = (
        generator.integers(0, 4, 400),
        generator.integers(0, 4, (1, 400)),
        generator.random((4, 4)),
    )
    # A number that tells one confusion matrix from another.
    metrics = {"weighted": Metric("weighted", lambda counts: (counts * weights).sum(axis=(-2, -1)))}
    first, again, other = (
        drawn(draws, seed, predictions, labels, groups, metrics)["weighted"][0] for seed in (0, 0, 1)
    )
    assert first.shape == (draws,)
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other]))) == 2 * draws  # nor is a chunk drawn twice


def test_many_classes_take_fewer_draws_at_once_and_the_same_ones(monkeypatch):
    whole = drawn(1100)
    seen = []
    spy = {
        "accuracy": Metric(
            "accuracy", lambda counts: seen.append(counts.shape) or METRICS["accuracy"].of_confusion(counts)
        )
    }
    monkeypatch.setattr(module, "CELLS", 9 * 7)  # three classes: seven draws at once
    few = drawn(1100, metrics=spy)
    assert {shape[0] for shape in seen} == {7, 1100 % 7}
    np.testing.assert_array_equal(few["accuracy"], whole["accuracy"])
    monkeypatch.setattr(module, "CELLS", 1)  # at least one
    np.testing.assert_array_equal(drawn(20)["macro_f1"], whole["macro_f1"][:, :20])


def test_copies_of_clips_in_one_group_change_nothing():
    copied = drawn(
        labels=np.repeat(LABELS, 3), predictions=np.repeat(PREDICTIONS, 3, axis=1), groups=np.repeat(GROUPS, 3)
    )
    for name, values in drawn().items():
        np.testing.assert_allclose(copied[name], values)


def test_a_class_that_no_prediction_names_is_counted():
    """All are called 0, and a draw may hold no clip of class 3."""
    labels = np.array([0, 0, 1, 3])
    values = drawn(labels=labels, predictions=np.zeros((1, 4), dtype=int), groups=np.arange(4))
    assert set(np.unique(values["balanced_accuracy"])) == {0, 1 / 3, 1 / 2, 1}
