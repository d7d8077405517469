"""Tests of folds by group: the same as scikit-learn's own."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.statistics import group_folds
from trajprobe.statistics.group_folds import stratified_group_folds


def scikit_learns(labels, groups, count, seed):
    folds = np.full(len(labels), -1)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for fold, (_, tested) in enumerate(splitter.split(labels, labels, groups)):
        folds[tested] = fold
    return folds


@pytest.fixture
def counted(monkeypatch):
    """How often scikit-learn's own choice of a fold was asked."""
    asked = []
    own = StratifiedGroupKFold._find_best_fold

    def count(self, *counts, **by_name):
        asked.append(1)
        return own(self, *counts, **by_name)

    monkeypatch.setattr(StratifiedGroupKFold, "_find_best_fold", count)
    return asked


def data(n, classes, of_a_group, seed):
    """Labels (n), and groups: of one sample, of samples of one class, of any."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(n) % classes)
    groups = {
        "one sample": np.arange(n),
        "one class": labels + classes * generator.integers(24, size=n),
        "any": generator.integers(n // 3, size=n),
    }[of_a_group]
    return labels, generator.permutation(groups.max() + 1)[groups]


@pytest.mark.parametrize("of_a_group", ["one sample", "one class", "any"])
@pytest.mark.parametrize("count", [2, 3, 5, 8, 9, 17, 20])
@pytest.mark.parametrize("classes", [2, 3, 10, 33])
def test_they_are_scikit_learns(of_a_group, count, classes):
    labels, groups = data(40 * classes, classes, of_a_group, seed=count)
    folds = stratified_group_folds(labels, groups, count, seed=count)
    np.testing.assert_array_equal(folds, scikit_learns(labels, groups, count, seed=count))


def test_they_are_scikit_learns_where_classes_are_uneven_and_many():
    generator = np.random.default_rng(0)
    for classes, spread in ((2, 20.0), (7, 1.5), (300, 0.5)):
        sizes = (5 + generator.gamma(1, spread, size=classes) * 10).astype(int)
        labels = generator.permutation(np.repeat(np.arange(classes), sizes))
        for groups in (np.arange(len(labels)), generator.integers(len(labels) // 2, size=len(labels))):
            folds = stratified_group_folds(labels, groups, 5, 0)
            np.testing.assert_array_equal(folds, scikit_learns(labels, groups, 5, 0))


def test_all_folds_are_tried_at_once(counted):
    labels, groups = data(100, 5, "any", seed=0)
    stratified_group_folds(labels, groups, 5, 0)
    assert counted == []


def test_of_more_folds_than_fit_they_are_tried_one_by_one(counted, monkeypatch):
    labels, groups = data(100, 5, "any", seed=0)
    folds = stratified_group_folds(labels, groups, 5, 0)
    monkeypatch.setattr(group_folds, "MOST_AT_ONCE", 5 * 5 * 5 - 1)
    np.testing.assert_array_equal(stratified_group_folds(labels, groups, 5, 0), folds)
    assert len(counted) == len(np.unique(groups))


def test_a_group_is_never_parted_and_each_fold_has_its_share():
    labels, groups = data(600, 3, "any", seed=1)
    folds = stratified_group_folds(labels, groups, 5, 7)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
    counts = np.array([np.bincount(labels[folds == fold], minlength=3) for fold in range(5)])
    assert np.abs(counts - 40).max() <= 2
    assert (folds != stratified_group_folds(labels, groups, 5, 8)).any()


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="number of groups: 3"):
        stratified_group_folds(np.arange(12) % 2, np.arange(12) // 4, 4, 0)
