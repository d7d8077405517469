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
    features,
    labelled,
    oracle,
    params,
    plain,
    plain_equal,
    probed,
)

from trajprobe.probes import fold as folding
from trajprobe.probes.permutation import permuted_labels

#: For PCA on the row, PCA at equal dimension, and both.
REDUCTIONS = ({}, {"pca_above": 11}, {"pca_above": 11, "pca_components": 8})


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
        c, predictions = oracle(x, fold, told, steps=plain(1, reduce))
        found = probed(x, fold, told)
        assert found.chosen == c
        np.testing.assert_array_equal(found.predictions, predictions)
        np.testing.assert_array_equal(found.tested, np.flatnonzero(fold == FOLDS))


def test_at_equal_dimension_it_is_a_nested_search_of_its_own():
    x, told = features(0.4, 0.5), params()
    found = [probed(x, fold, told) for fold in range(5)]
    expected = [oracle(x, fold, told, steps=plain_equal(1)) for fold in range(5)]
    assert [c for c, _ in expected] != [fold.chosen for fold in found]  # else its own choice could not be told
    for fold, (_, predictions) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(fold.equal, predictions)


def test_a_reduced_row_keeps_its_leading_components_at_equal_dimension():
    x, told = features(0.5, 0.5), params(pca_above=11, pca_components=8, c=(0.3,))
    for fold in range(5):
        train = fold != FOLDS
        reduced = PCA(8, random_state=0).fit(x[train])
        few = reduced.transform(x)[:, :4]
        expected = plain(0.3).fit(few[train], LABELS[train]).predict(few[~train])
        found = probed(x, fold, told)
        np.testing.assert_array_equal(found.equal, expected)
        assert (found.equal != found.predictions).any()


def test_a_row_that_is_narrow_enough_is_its_own_run_at_equal_dimension():
    found = probed(features(0.2, 0.5), 0, params(equal_dimensions=12))
    np.testing.assert_array_equal(found.equal, found.predictions)


def test_a_group_is_never_parted_in_the_selection():
    """Planted: a group's clips stand together, and its class is no matter: parting groups would choose another C."""
    x, told = features(0, 3), params()
    by_group = [oracle(x, fold, told)[0] for fold in range(5)]
    by_clip = [oracle(x, fold, told, splitter=StratifiedKFold)[0] for fold in range(5)]
    assert [probed(x, fold, told).chosen for fold in range(5)] == by_group
    assert by_group != by_clip


@pytest.fixture
def fits(monkeypatch):
    """Everything that a classifier was ever fitted to, in order: features, labels and the value of the grid."""
    seen = []

    def watched(classifier):
        plainly = classifier.fit

        def fit(self, x, labels, value, seed):
            seen.append((x.tobytes(), labels.tobytes(), value, seed))
            return plainly(self, x, labels, value, seed)

        monkeypatch.setattr(classifier, "fit", fit)
        return seen

    return watched


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nothing_that_is_chosen_or_fitted_depends_on_the_clips_under_test(fits, name, reduction):
    """Planted: tested clips whose features are their label, far from all others, or whose labels or groups differ."""
    told, x, tested = params(classifier=name, **reduction), features(0.5, 1), FOLDS == 2
    generator = np.random.default_rng(0)
    given_away, labels, groups = x.copy(), LABELS.copy(), GROUPS.copy()
    given_away[tested] = 1e4 * LABELS[tested, None] + generator.normal(size=(24, 12))
    labels[tested] = generator.integers(0, 3, 24)
    groups[tested] = generator.integers(100, 110, 24)
    seen = fits(type(told.model))
    runs = []
    for features_, given in ((x, labelled()), (given_away, labelled()), (x, labelled(labels, groups))):
        seen.clear()
        found = probed(features_, 2, told, permuted_labels(LABELS, GROUPS, told), given)
        runs.append((found.chosen, found.at_edge, *seen))
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) == 2 + 2 * 4 * len(told.model.grid) + 2 + 3 - (reduction == {"pca_above": 11}) * (
        1 + 4 * len(told.model.grid)
    )
    moved = x.copy()
    moved[np.flatnonzero(~tested)[:12]] += 1e4
    seen.clear()
    probed(moved, 2, told)
    assert seen[-1] not in runs[0]  # the watch is good enough to see a change of train


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tested_clips_are_predicted_one_by_one(name):
    told, x, tested = params(classifier=name), features(0.5, 1), np.flatnonzero(FOLDS == 2)
    moved = x.copy()
    moved[tested[:12]] = 1e4 * np.random.default_rng(1).normal(size=(12, x.shape[1]))
    before, after = probed(x, 2, told), probed(moved, 2, told)
    np.testing.assert_array_equal(after.predictions[12:], before.predictions[12:])
    np.testing.assert_array_equal(after.equal[12:], before.equal[12:])
    seen = x.copy()
    seen[np.flatnonzero(FOLDS != 2)[:12]] = moved[tested[:12]]
    assert (probed(seen, 2, told).predictions[12:] != before.predictions[12:]).any()  # the plant is strong enough


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_far_apart_are_told_apart_and_the_same_way_each_time(name):
    told = params(classifier=name)
    runs = [[probed(features(4, 0), fold, told) for fold in range(5)] for _ in range(2)]
    for fold, again in zip(*runs, strict=True):
        assert (fold.predictions == LABELS[fold.tested]).mean() > 0.9
        np.testing.assert_array_equal(fold.predictions, again.predictions)
        assert fold.chosen in told.model.grid


def test_a_clip_that_shows_the_answer_in_the_test_fold_alone_does_not_help():
    """Planted: a column that is the label, but only where it is tested."""
    x = features(0, 0)
    for fold in range(5):
        leak = np.where(fold == FOLDS, LABELS, 0)[:, None]
        before, after = probed(x, fold, params()), probed(np.hstack([x, leak]), fold, params())
        assert after.chosen == before.chosen
        np.testing.assert_array_equal(after.predictions, before.predictions)


@pytest.mark.parametrize("reduce", [(), (PCA(3, random_state=0),)])
def test_permuted_runs_are_fits_to_permuted_labels_at_the_chosen_c(reduce):
    x, told = features(0.5, 0.5), params(pca_above=11 if reduce else 12)
    permuted = permuted_labels(LABELS, GROUPS, told)
    found = probed(x, 1, told, permuted)
    train = FOLDS != 1
    guesses = [plain(found.chosen, reduce).fit(x[train], one[train]).predict(x[~train]) for one in permuted]
    assert found.right_permuted.tolist() == [
        (guess == one[~train]).sum() for guess, one in zip(guesses, permuted, strict=True)
    ]
    expected = [
        sum((guess == label).sum() * (one[~train] == label).sum() for label in range(3)) / 24
        for guess, one in zip(guesses, permuted, strict=True)
    ]
    np.testing.assert_allclose(found.expected_permuted, expected)
    np.testing.assert_array_equal(found.predictions, probed(x, 1, told).predictions)


def test_few_shots_are_fits_to_the_drawn_clips_behind_the_view_of_all_train():
    x, told = features(0.7, 0.5), params()
    drawn = [np.array([[24, 37, 98], [28, 41, 101], [33, 44, 106]])]  # three clips of each class
    assert (LABELS[drawn[0]] == np.arange(3)[:, None]).all()
    train, counts = FOLDS != 0, [1, 2, 3]
    assert train[drawn[0]].all()
    found = probed(x, 0, told, drawn=drawn, counts=counts)
    scaled = (x.astype(float) - x[train].astype(float).mean(axis=0)) / x[train].astype(float).std(axis=0)
    (accuracies,) = found.few_shot
    for k, accuracy in zip(counts, accuracies, strict=True):
        clips = drawn[0][:, :k].ravel()
        fitted = plain(1)[-1].fit(scaled[clips], LABELS[clips])
        assert accuracy == (fitted.predict(scaled[~train]) == LABELS[~train]).mean()


def test_a_grid_of_one_is_no_choice():
    found = probed(features(0.5, 0), 0, params(c=(0.3,)))
    assert (found.chosen, found.at_edge) == (0.3, False)


def test_one_step_does_not_converge():
    assert probed(features(0.5, 0.5), 0, params()).converged
    assert not probed(features(0.5, 0.5), 0, params(max_iter=1, c=GRID[-1:])).converged


@pytest.mark.parametrize(
    ("folds", "expected"), [([0, 1, 2, 1], [0, 1, 2]), ([-1, 0, -1, 0], [0]), ([2, -1, 0, 2], [0, 2])]
)
def test_a_negative_fold_is_not_tested(folds, expected):
    assert folding.tested_folds(np.array(folds)) == expected
