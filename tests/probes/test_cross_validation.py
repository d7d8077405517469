"""A fold's probe against scikit-learn's own nested search, and leaks planted for it to fall for."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from small_probe import (
    CLASSIFIERS,
    FOLDS,
    GRID,
    GROUPS,
    LABELS,
    TIGHT,
    features,
    labelled,
    oracle,
    params,
    plain,
    plain_equal,
    probed,
)

from trajprobe.probes import classifiers
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.regression import Decomposition

#: For PCA on the row, PCA at equal dimension, and both.
REDUCTIONS = ({}, {"pca_above": 11}, {"pca_above": 11, "pca_components": 8})


@pytest.mark.parametrize(
    ("signal", "of_group", "settings", "reduce"),
    [
        (0.5, 0.5, params(), ()),
        (0.2, 0, params(), ()),
        (0, 3, params(seed=4), ()),
        (0.7, 0.5, params(pca_above=11), (PCA(3, random_state=0),)),
    ],
)
def test_it_is_the_nested_search_by_group_of_scikit_learn(signal, of_group, settings, reduce):
    x = features(signal, of_group)
    for fold in range(5):
        c, predictions = oracle(x, fold, settings, steps=plain(1, reduce))
        probed_fold = probed(x, fold, settings)
        assert probed_fold.chosen.value == c
        np.testing.assert_array_equal(probed_fold.chosen.predictions, predictions)


def test_at_equal_dimension_it_is_a_nested_search_of_its_own():
    x, settings = features(0.4, 0.5), params()
    folds = [probed(x, fold, settings) for fold in range(5)]
    expected = [oracle(x, fold, settings, steps=plain_equal(1)) for fold in range(5)]
    assert [c for c, _ in expected] != [fold.chosen.value for fold in folds]  # else the row's own choice would do
    for fold, (_, predictions) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(fold.equal, predictions)


def test_a_reduced_row_keeps_its_leading_components_at_equal_dimension():
    x, settings = features(0.5, 0.5), params(pca_above=11, pca_components=8, c=(0.3,))
    for fold in range(5):
        train = fold != FOLDS
        reduced = PCA(8, random_state=0).fit(x[train])
        few = reduced.transform(x)[:, :4]
        expected = plain(0.3).fit(few[train], LABELS[train]).predict(few[~train])
        probed_fold = probed(x, fold, settings)
        np.testing.assert_array_equal(probed_fold.equal, expected)
        assert (probed_fold.equal != probed_fold.chosen.predictions).any()


def test_a_row_that_is_narrow_enough_is_its_own_run_at_equal_dimension():
    probed_fold = probed(features(0.2, 0.5), 0, params(equal_dimensions=12))
    np.testing.assert_array_equal(probed_fold.equal, probed_fold.chosen.predictions)


def test_a_group_is_never_parted_in_the_selection():
    """Planted: a group's clips stand together, and its class is no matter: parting groups would choose another C."""
    x, settings = features(0, 3), params()
    by_group = [oracle(x, fold, settings)[0] for fold in range(5)]
    by_clip = [oracle(x, fold, settings, splitter=StratifiedKFold)[0] for fold in range(5)]
    assert [probed(x, fold, settings).chosen.value for fold in range(5)] == by_group
    assert by_group != by_clip


@pytest.fixture
def fits(monkeypatch):
    """Everything that a classifier was ever fitted to, in order: features, labels and the value of the grid."""
    seen = []

    class Shared(Decomposition):
        def __init__(self, x):
            self.x = x
            super().__init__(x)

        def fit(self, labels, c, max_iter, start=None):
            seen.append((self.x.tobytes(), labels.tobytes(), c, 0))
            return super().fit(labels, c, max_iter, start)

    def watched(classifier):
        plainly = classifier.fit

        def fit(self, x, labels, value, seed):
            seen.append((x.tobytes(), labels.tobytes(), value, seed))
            return plainly(self, x, labels, value, seed)

        monkeypatch.setattr(classifier, "fit", fit)
        monkeypatch.setattr(classifiers, "Decomposition", Shared)
        return seen

    return watched


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nothing_that_is_chosen_or_fitted_depends_on_the_clips_under_test(fits, name, reduction):
    """Planted: tested clips whose features are their label, far from all others, or whose labels or groups differ."""
    settings, x, tested = params(classifier=name, **reduction), features(0.5, 1), FOLDS == 2
    generator = np.random.default_rng(0)
    given_away, labels, groups = x.copy(), LABELS.copy(), GROUPS.copy()
    given_away[tested] = 1e4 * LABELS[tested, None] + generator.normal(size=(24, 12))
    labels[tested] = generator.integers(0, 3, 24)
    groups[tested] = generator.integers(100, 110, 24)
    seen = fits(type(settings.model))
    runs = []
    for features_, labelling in ((x, labelled()), (given_away, labelled()), (x, labelled(labels, groups))):
        seen.clear()
        probed_fold = probed(features_, 2, settings, permuted_labels(LABELS, GROUPS, FOLDS, settings), labelling)
        runs.append((probed_fold.chosen.value, probed_fold.chosen.at_edge, *seen))
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) == 2 + 2 * 4 * len(settings.model.grid) + 2 + 3 - (reduction == {"pca_above": 11}) * (
        1 + 4 * len(settings.model.grid)
    )
    moved = x.copy()
    moved[np.flatnonzero(~tested)[:12]] += 1e4
    seen.clear()
    probed(moved, 2, settings)
    assert seen[-1] not in runs[0]  # the watch is good enough to see a change of train


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tested_clips_are_predicted_one_by_one(name):
    settings, x, tested = params(classifier=name), features(0.5, 1), np.flatnonzero(FOLDS == 2)
    moved = x.copy()
    moved[tested[:12]] = 1e4 * np.random.default_rng(1).normal(size=(12, x.shape[1]))
    before, after = probed(x, 2, settings), probed(moved, 2, settings)
    np.testing.assert_array_equal(after.chosen.predictions[12:], before.chosen.predictions[12:])
    np.testing.assert_array_equal(after.equal[12:], before.equal[12:])
    seen = x.copy()
    seen[np.flatnonzero(FOLDS != 2)[:12]] = moved[tested[:12]]
    assert (
        probed(seen, 2, settings).chosen.predictions[12:] != before.chosen.predictions[12:]
    ).any()  # the plant is strong enough


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_far_apart_are_told_apart_and_the_same_way_each_time(name):
    settings = params(classifier=name)
    runs = [[probed(features(4, 0), fold, settings) for fold in range(5)] for _ in range(2)]
    for number, (fold, again) in enumerate(zip(*runs, strict=True)):
        assert (fold.chosen.predictions == LABELS[number == FOLDS]).mean() > 0.9
        np.testing.assert_array_equal(fold.chosen.predictions, again.chosen.predictions)
        assert fold.chosen.value in settings.model.grid


def test_a_clip_that_shows_the_answer_in_the_test_fold_alone_does_not_help():
    """Planted: a column that is the label, but only where it is tested."""
    x = features(0, 0)
    for fold in range(5):
        leak = np.where(fold == FOLDS, LABELS, 0)[:, None]
        before, after = probed(x, fold, params()), probed(np.hstack([x, leak]), fold, params())
        assert after.chosen.value == before.chosen.value
        np.testing.assert_array_equal(after.chosen.predictions, before.chosen.predictions)


@pytest.mark.parametrize("reduce", [(), (PCA(3, random_state=0),)])
def test_permuted_runs_are_fits_to_permuted_labels_at_the_chosen_c(reduce):
    x, settings = features(0.5, 0.5), params(pca_above=11 if reduce else 12)
    permuted = permuted_labels(LABELS, GROUPS, FOLDS, settings)
    probed_fold = probed(x, 1, settings, permuted)
    train = FOLDS != 1
    guesses = [
        plain(probed_fold.chosen.value, reduce, **TIGHT).fit(x[train], labels[train]).predict(x[~train])
        for labels in permuted
    ]
    assert probed_fold.right_permuted.tolist() == [
        (guess == labels[~train]).sum() for guess, labels in zip(guesses, permuted, strict=True)
    ]
    expected = [
        sum((guess == label).sum() * (labels[~train] == label).sum() for label in range(3)) / 24
        for guess, labels in zip(guesses, permuted, strict=True)
    ]
    np.testing.assert_allclose(probed_fold.expected_permuted, expected)
    np.testing.assert_array_equal(probed_fold.chosen.predictions, probed(x, 1, settings).chosen.predictions)


def test_few_shots_are_fits_to_the_drawn_clips_behind_the_view_of_all_train():
    x, settings = features(0.7, 0.5), params()
    drawn = [np.array([[24, 37, 98], [28, 41, 101], [33, 44, 106]])]  # three clips of each class
    assert (LABELS[drawn[0]] == np.arange(3)[:, None]).all()
    train, counts = FOLDS != 0, [1, 2, 3]
    assert train[drawn[0]].all()
    probed_fold = probed(x, 0, settings, drawn=drawn, shots=counts)
    scaled = (x.astype(float) - x[train].astype(float).mean(axis=0)) / x[train].astype(float).std(axis=0)
    (right,) = probed_fold.few_shot
    for k, of_count in zip(counts, right, strict=True):
        clips = drawn[0][:, :k].ravel()
        fitted = plain(1)[-1].fit(scaled[clips], LABELS[clips])
        np.testing.assert_array_equal(of_count, fitted.predict(scaled[~train]) == LABELS[~train])


def test_a_grid_of_one_is_no_choice():
    probed_fold = probed(features(0.5, 0), 0, params(c=(0.3,)))
    assert (probed_fold.chosen.value, probed_fold.chosen.at_edge) == (0.3, False)


def test_one_step_does_not_converge():
    assert probed(features(0.5, 0.5), 0, params()).converged
    assert not probed(features(0.5, 0.5), 0, params(max_iter=1, c=GRID[-1:])).converged


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_for_its_accuracy_alone_a_row_is_predicted_as_in_full(fits, reduction):
    """With no selection, fit or prediction at equal dimension."""
    x, settings = features(0.5, 0.5), params(**reduction)
    seen = fits(type(settings.model))
    alone = probed(x, 0, settings, equal=False)
    assert len(seen) == 4 * len(GRID) + 1
    in_full = probed(x, 0, settings, permuted_labels(LABELS, GROUPS, FOLDS, settings))
    np.testing.assert_array_equal(alone.chosen.predictions, in_full.chosen.predictions)
    assert (alone.chosen.value, alone.chosen.at_edge, alone.converged) == (
        in_full.chosen.value,
        in_full.chosen.at_edge,
        in_full.converged,
    )
    assert (alone.equal, alone.few_shot, len(alone.right_permuted), len(alone.expected_permuted)) == (None, [], 0, 0)
