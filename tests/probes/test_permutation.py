"""Permuted labels keep what they should and nothing else; what is expected of them is what chance gives."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from small_probe import GROUPS, LABELS, params

from trajprobe.probes.permutation import expected_right, permuted_labels


def test_permuted_labels_keep_the_classes_sizes_and_whole_groups():
    shuffle = np.random.default_rng(0).permutation(120)
    labels, groups = LABELS[shuffle], GROUPS[shuffle]
    permuted = permuted_labels(labels, groups, params(permutations=40))
    assert permuted.shape == (40, 120)
    for row in permuted:
        assert Counter(row.tolist()) == Counter(labels.tolist())
        assert all(len(set(row[groups == group])) == 1 for group in range(30))
    assert len({row.tobytes() for row in permuted}) == 40
    agreement = (permuted == labels).mean()
    assert abs(agreement - 1 / 3) < 0.05
    np.testing.assert_array_equal(permuted, permuted_labels(labels, groups, params(permutations=40)))
    assert (permuted != permuted_labels(labels, groups, params(permutations=40, seed=1))).any()
    assert permuted_labels(labels, groups, params(permutations=0)).shape == (0, 120)


def test_where_each_group_does_each_class_labels_are_permuted_within_groups():
    groups, labels = np.repeat(np.arange(20), 6), np.tile(np.arange(6), 20)
    permuted = permuted_labels(labels, groups, params(permutations=30))
    assert abs((permuted == labels).mean() - 1 / 6) < 0.03
    for row in permuted:
        assert all(sorted(row[groups == group]) == list(range(6)) for group in range(20))


def test_permuted_labels_of_unequal_groups_keep_the_classes_sizes():
    groups = np.repeat([0, 1, 2, 3], [1, 2, 5, 4])
    labels = groups % 2
    for row in permuted_labels(labels, groups, params(permutations=20)):
        assert row.sum() == labels.sum()


@pytest.mark.parametrize(
    ("labels", "guesses"),
    [
        ([0, 0, 1, 2, 2], [0, 1, 1, 2, 0]),
        ([0, 0, 0, 0, 1], [0, 0, 0, 0, 0]),
        ([0, 1, 2, 2, 2], [3, 3, 2, 2, 0]),
        ([1, 1, 1], [0, 0, 0]),
    ],
)
def test_what_is_expected_is_the_mean_over_all_ways_to_deal_the_predictions_out(labels, guesses):
    ways = [np.sum(np.array(way) == labels) for way in permutations(guesses)]
    assert expected_right(np.array(labels), np.array(guesses)) == pytest.approx(np.mean(ways))


def test_runs_of_a_probe_that_knows_nothing_sit_at_what_is_expected_and_not_at_the_most_frequent_class():
    """Unbalanced, and stratified folds of whole groups: each run's surplus over its own expectation has mean zero."""
    generator = np.random.default_rng(1)
    surplus, right = [], []
    for _ in range(400):
        labels = generator.permutation(np.repeat([0, 1, 2], [60, 30, 10]))
        test = generator.permutation(100)[:20]
        train = np.setdiff1d(np.arange(100), test)
        # The nearest of the labels of train at random: it knows the classes' frequencies in train alone.
        guesses = labels[generator.choice(train, 20)]
        right.append((guesses == labels[test]).mean())
        surplus.append(right[-1] - expected_right(labels[test], guesses) / 20)
    assert stats.ttest_1samp(surplus, 0).pvalue > 0.01
    assert stats.ttest_1samp(right, 0.6).pvalue < 1e-9
