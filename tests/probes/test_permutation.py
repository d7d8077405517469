"""Permuted labels keep what they should and nothing else; what is expected of them is what chance gives."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from small_probe import FOLDS, GROUPS, LABELS, params

from trajprobe.probes.permutation import expected_right, permuted_labels


def test_permuted_labels_keep_the_classes_sizes_and_whole_groups():
    shuffle = np.random.default_rng(0).permutation(120)
    labels, groups, folds = LABELS[shuffle], GROUPS[shuffle], FOLDS[shuffle]
    permuted = permuted_labels(labels, groups, folds, params(permutations=40))
    assert permuted.shape == (40, 120)
    for row in permuted:
        for fold in range(5):
            assert Counter(row[folds == fold].tolist()) == Counter(labels[folds == fold].tolist())
        assert all(len(set(row[groups == group])) == 1 for group in range(30))
    assert len({row.tobytes() for row in permuted}) == 40
    agreement = (permuted == labels).mean()
    assert abs(agreement - 1 / 3) < 0.05
    np.testing.assert_array_equal(permuted, permuted_labels(labels, groups, folds, params(permutations=40)))
    assert (permuted != permuted_labels(labels, groups, folds, params(permutations=40, seed=1))).any()
    assert permuted_labels(labels, groups, folds, params(permutations=0)).shape == (0, 120)


def test_where_each_group_does_each_class_labels_are_permuted_within_groups():
    groups, labels = np.repeat(np.arange(20), 6), np.tile(np.arange(6), 20)
    permuted = permuted_labels(labels, groups, groups % 5, params(permutations=30))
    assert abs((permuted == labels).mean() - 1 / 6) < 0.03
    for row in permuted:
        assert all(sorted(row[groups == group]) == list(range(6)) for group in range(20))


def test_permuted_labels_of_unequal_groups_keep_the_classes_sizes():
    groups = np.repeat([0, 1, 2, 3], [1, 2, 5, 4])
    labels = groups % 2
    for row in permuted_labels(labels, groups, np.zeros(12, dtype=int), params(permutations=20)):
        assert row.sum() == labels.sum()


def test_copies_on_both_sides_of_a_split_keep_a_common_label():
    """Forty groups of two clips, one in train and one tested; and clips of either side alone."""
    groups, folds = np.r_[np.repeat(np.arange(40), 2), np.arange(100, 140)], np.r_[np.tile([-1, 0], 40), [-1, 0] * 20]
    labels = groups % 4
    permuted = permuted_labels(labels, groups, folds, params(permutations=20))
    assert (permuted[:, :80:2] == permuted[:, 1:80:2]).all()
    assert abs((permuted[:, :80] == labels[:80]).mean() - 1 / 4) < 0.05
    for row in permuted:
        assert Counter(row[80::2].tolist()) == Counter(labels[80::2].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_true_labels_of_nothing_are_one_more_permutation(seed):
    """Of predictions that know the classes' numbers in train alone, true and permuted labels are right as often."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(3), 20))
    folds = np.zeros(60, dtype=int)
    for label in range(3):
        folds[labels == label] = np.arange(20) % 5
    ranks = []
    for draw in range(200):
        rows = np.concatenate(
            [labels[np.newaxis], permuted_labels(labels, np.arange(60), folds, params(permutations=19, seed=draw))]
        )
        guesses = generator.integers(0, 3, 60)
        right = (rows == guesses).sum(axis=1) + generator.random(20) / 2
        ranks.append((right > right[0]).sum())
    assert stats.chisquare(np.bincount(np.array(ranks) // 4, minlength=5)).pvalue > 0.001


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
