"""The probe against scikit-learn's own nested search, and leaks planted for it to fall for."""

from collections import Counter

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from small_probe import FOLDS, GRID, GROUPS, LABELS, features, oracle, params, plain, probed
from trajprobe.probes.classifier import permuted_labels, pipeline, select

from trajprobe.params import UserError
from trajprobe.probes import classifier


@pytest.mark.parametrize(
    ("signal", "of_group", "told", "reduce"),
    [
        (0.5, 0.5, params(), ()),
        (0.2, 0, params(), ()),
        (0, 3, params(seed=4), ()),
        (0.7, 0.5, params(pca_above=11), (PCA(3, random_state=0),)),
    ],
)
def test_it_is_the_nested_search_by_group_of_scikit_learn(signal, of_group, told, reduce):
    x = features(signal, of_group)
    for fold in range(5):
        c, predictions = oracle(x, fold, told, reduce=reduce)
        found = probed(x, fold, told)
        assert found.c == c
        np.testing.assert_array_equal(found.predictions, predictions)
        np.testing.assert_array_equal(found.tested, np.flatnonzero(fold == FOLDS))


def test_the_order_of_the_grid_does_not_matter_and_of_equals_the_smallest_is_chosen():
    x = features(0.5, 0.5)
    chosen = [probed(x, 0, params(c=c)).c for c in (GRID, GRID[::-1])]
    assert chosen[0] == chosen[1]
    separable = np.eye(3)[LABELS] * 1e3
    assert select(separable, LABELS, GROUPS, params(c=(30.0, 1.0, 3.0))) == 1.0


def test_a_group_is_never_parted_in_the_selection():
    """Planted: a group's clips stand together, and its class is no matter: parting groups would choose another C."""
    x, told = features(0, 3), params()
    by_group = [oracle(x, fold, told)[0] for fold in range(5)]
    by_clip = [oracle(x, fold, told, splitter=StratifiedKFold)[0] for fold in range(5)]
    assert [probed(x, fold, told).c for fold in range(5)] == by_group
    assert by_group != by_clip


@pytest.mark.parametrize("told", [params(), params(pca_above=11)])
def test_labels_and_groups_of_the_tested_clips_are_never_seen(told):
    x, tested = features(0.5, 1), FOLDS == 2
    generator = np.random.default_rng(0)
    labels, groups = LABELS.copy(), GROUPS.copy()
    labels[tested] = generator.integers(0, 3, tested.sum())
    groups[tested] = generator.integers(100, 110, tested.sum())
    before, after = probed(x, 2, told), probed(x, 2, told, labels=labels, groups=groups)
    assert after.c == before.c
    np.testing.assert_array_equal(after.predictions, before.predictions)


@pytest.mark.parametrize("told", [params(), params(pca_above=11)])
def test_features_of_the_tested_clips_are_never_fitted_on(told):
    """Planted: half the tested clips go far away, which any scaler, PCA or model that saw them would follow."""
    x, tested = features(0.5, 1), np.flatnonzero(FOLDS == 2)
    moved = x.copy()
    moved[tested[:12]] = 1e4 * np.random.default_rng(1).normal(size=(12, x.shape[1]))
    before, after = probed(x, 2, told), probed(moved, 2, told)
    assert after.c == before.c
    np.testing.assert_array_equal(after.predictions[12:], before.predictions[12:])
    seen = x.copy()
    seen[np.flatnonzero(FOLDS != 2)[:12]] = moved[tested[:12]]
    assert (probed(seen, 2, told).predictions[12:] != before.predictions[12:]).any()  # the plant is strong enough


def test_a_clip_that_shows_the_answer_in_the_test_fold_alone_does_not_help():
    """Planted: a column that is the label, but only where it is tested."""
    x = features(0, 0)
    for fold in range(5):
        leak = np.where(fold == FOLDS, LABELS, 0)[:, None]
        before, after = probed(x, fold, params()), probed(np.hstack([x, leak]), fold, params())
        assert after.c == before.c
        np.testing.assert_array_equal(after.predictions, before.predictions)


def test_pca_is_fitted_above_its_threshold_only():
    assert "reduce" not in pipeline((80, 50), params(), 1.0).named_steps
    steps = pipeline((80, 51), params(), 0.3)
    assert (steps[0].n_components, steps[-1].C, steps[-1].max_iter) == (3, 0.3, 2000)
    assert isinstance(steps[0], PCA)


def test_whatever_the_features_are_the_solver_sees_standardised_float64():
    for told in (params(), params(pca_above=11)):
        steps = pipeline((80, 12), told, 1.0)
        seen = steps[:-1].fit_transform(features(0.5, 0.5))
        assert seen.dtype == np.float64
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(seen.std(axis=0), 1, atol=1e-6)


def test_a_grid_of_one_is_no_choice():
    assert probed(features(0.5, 0), 0, params(c=(0.3,))).c == 0.3


@pytest.mark.parametrize("reduce", [(), (PCA(3, random_state=0),)])
def test_permuted_runs_are_fits_to_permuted_labels_at_the_chosen_c(reduce):
    x, told = features(0.5, 0.5), params(pca_above=11 if reduce else 12)
    permuted = permuted_labels(LABELS, GROUPS, told)
    found = probed(x, 1, told, permuted)
    train = FOLDS != 1
    fitted = [plain(found.c, reduce).fit(x[train], labels[train]) for labels in permuted]
    right = [(one.predict(x[~train]) == labels[~train]).sum() for one, labels in zip(fitted, permuted, strict=True)]
    assert found.right_permuted.tolist() == right
    np.testing.assert_array_equal(found.predictions, probed(x, 1, told).predictions)


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


def test_pca_has_no_more_components_than_clips_or_dimensions():
    told = params(pca_above=3, pca_components=100)
    assert pipeline((7, 50), told, 1.0).named_steps["reduce"].n_components == 7
    assert pipeline((70, 5), told, 1.0).named_steps["reduce"].n_components == 5


@pytest.mark.parametrize(
    ("labels", "groups", "words"),
    [
        ([0, 1, 0, 1], [0, 0, 1, 1], "trains on 2 groups, fewer than `probe.inner_folds`, 3"),
        ([0, 1, 2, 3], [0, 1, 2, 3], "trains on 1 clips of its largest class"),
        ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 3, 3], "an inner fold trains on one class"),
    ],
)
def test_too_little_to_choose_c_from_is_refused(labels, groups, words):
    x = np.random.default_rng(0).normal(size=(len(labels), 3)).astype(np.float32)
    with pytest.raises(UserError, match=words):
        classifier.select(x, np.array(labels), np.array(groups), params(inner_folds=3))


def test_permuted_labels_of_unequal_groups_keep_the_classes_sizes():
    groups = np.repeat([0, 1, 2, 3], [1, 2, 5, 4])
    labels = groups % 2
    for row in permuted_labels(labels, groups, params(permutations=20)):
        assert row.sum() == labels.sum()


@pytest.mark.parametrize(
    ("folds", "expected"), [([0, 1, 2, 1], [0, 1, 2]), ([-1, 0, -1, 0], [0]), ([2, -1, 0, 2], [0, 2])]
)
def test_a_negative_fold_is_not_tested(folds, expected):
    assert classifier.tested_folds(np.array(folds)) == expected
