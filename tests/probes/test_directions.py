"""Directions of clips are told by probes that never saw the clip or its reversal; held to scikit-learn and to numpy."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_probe import FOLDS, GROUPS, LABELS, features, labelled, oracle, params

from trajprobe.probes.directions import fold_of_pairs
from trajprobe.probes.network_probes import VariantFeatures, outer_folds, probe_networks

QUICK = {"permutations": 0, "few_shot": {"draws": 0, "c": 1}, "code_length": {"draws": 0, "c": [1]}}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")


def told(forwards, backwards, labelling=None, **changed):
    """Of each clip and its reversal, how many are told right."""
    variant = VariantFeatures([[forwards]], False, [[backwards]])
    settings = params(**QUICK | {"c": (0.3,)} | changed)
    (((network,), *_),) = probe_networks([variant], labelling or labelled(), settings, "row")
    return np.array(network.arrow_of_time)


def either_way(forwards, backwards):
    """Examples of both directions, and their classes, clip by clip: another order than the code's."""
    return np.stack([forwards, backwards], axis=1).reshape(240, -1), np.tile([0, 1], 120)


def expected(forwards, backwards, c):
    """What scikit-learn tells right, `c` by fold."""
    x, way = either_way(forwards, backwards)
    fold, right = np.repeat(FOLDS, 2), np.zeros(240)
    for number in range(5):
        train = fold != number
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c[number], max_iter=2000))
        right[~train] = model.fit(x[train].astype(float), way[train]).predict(x[~train].astype(float)) == way[~train]
    return right.reshape(120, 2).sum(axis=1)


def test_of_each_pair_so_many_are_told_right_as_by_scikit_learn():
    forwards, backwards = features(0.5, 0.5), features(0.5, 0.5, seed=1)
    got = told(forwards, backwards)
    assert got.tolist() == expected(forwards, backwards, [0.3] * 5).tolist()
    assert set(got.tolist()) == {0, 1, 2}


def test_the_penalty_is_chosen_inside_train_with_both_of_a_pair_on_one_side():
    """By the mean over the inner folds that the clips themselves have."""
    grid = (0.001, 0.03, 1.0)
    forwards, backwards = features(0.5, 1.0, seed=2), features(0.5, 1.0, seed=3) + 0.02
    x, way = either_way(forwards, backwards)
    chosen = []
    for fold in outer_folds(labelled(), params(**QUICK, c=grid)):
        right = np.zeros(len(grid))
        for split in fold.splits:
            train, test = ((clips[:, None] * 2 + [0, 1]).ravel() for clips in split)
            for place, c in enumerate(grid):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))
                model.fit(x[train].astype(float), way[train])
                right[place] += (model.predict(x[test].astype(float)) == way[test]).sum()
        chosen.append(grid[int(right.argmax())])
    assert len(set(chosen)) > 1
    assert told(forwards, backwards, c=grid).tolist() == expected(forwards, backwards, chosen).tolist()


@pytest.mark.parametrize("folds", [FOLDS, np.where(np.arange(120) % 3, 0, -1)])  # the second one parts groups
def test_no_fold_parts_a_pair(folds):
    for fold in outer_folds(labelled(folds=folds), params(**QUICK)):
        of_pairs = fold_of_pairs(fold, 120)
        sides = [(of_pairs.train, of_pairs.test), *of_pairs.splits]
        for (train, test), (of_clips, tested) in zip(sides, [(fold.train, fold.test), *fold.splits], strict=True):
            assert sorted(train) == sorted([*of_clips, *(of_clips + 120)])
            assert sorted(test) == sorted([*tested, *(tested + 120)])
            assert not set(train % 120) & set(test % 120)
        for train, test in of_pairs.splits:  # nor is a group parted inside train
            assert not set(GROUPS[train % 120]) & set(GROUPS[test % 120])


def test_features_that_are_the_same_both_ways_tell_one_of_each_pair_and_no_more():
    x = features(0.5, 0.5)
    assert told(x, x).tolist() == [1] * 120


def test_a_probe_that_saw_the_reversal_would_be_below_chance():
    """Which is why no fold may part a pair: nearly the same features stand in train, with the other direction."""
    x = features(0, 0)
    nearly = x + np.random.default_rng(1).normal(size=x.shape).astype(np.float32) * 1e-3 * x.std(axis=0)
    honest = told(x, nearly, classifier="knn", knn={"neighbours": [1]}).mean() / 2
    assert 0.4 < honest < 0.6
    both, way = either_way(x, nearly)
    scaled = (both - both.mean(axis=0)) / both.std(axis=0)
    apart = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2) + np.diag([np.inf] * 240)
    assert (way[apart.argmin(axis=1)] == way).mean() < 0.05


def test_a_direction_in_the_features_is_told_whatever_the_labels():
    forwards = features(0.5, 0.5)
    way = 3 * np.random.default_rng(3).normal(size=12) * forwards.std(axis=0)
    assert told(forwards, forwards + way.astype(np.float32)).mean() > 1.9
    shuffled = labelled(labels=np.random.default_rng(0).permutation(LABELS))
    assert told(forwards, forwards + way.astype(np.float32), shuffled).mean() > 1.9


def test_clips_that_no_fold_tests_have_no_pair():
    folds = np.where(FOLDS == 2, 0, -1)
    got = told(features(0, 0), features(0, 0, seed=1), labelled(folds=folds))
    assert ((got == -1) == (folds == -1)).all()


def test_classes_are_predicted_as_without_it_and_each_network_has_its_own():
    settings, xs = params(**QUICK, c=(0.3,)), [features(0.5, 0.5, seed=seed) for seed in range(4)]
    bare = VariantFeatures([[x] for x in xs[2:]], False)
    (plain, *_), (paired, *_) = probe_networks(
        [bare, VariantFeatures([[x] for x in xs[:2]], False, [[x] for x in xs[2:]])], labelled(), settings, "row"
    )
    assert [network.arrow_of_time for network in plain] == [[], []]
    for number, network in enumerate(paired):
        assert network.arrow_of_time == told(xs[number], xs[number + 2]).tolist()
        one = probe_networks([VariantFeatures([[xs[number]]], False)], labelled(), settings, "row")[0].networks[0]
        assert network.predictions == one.predictions
        assert network.chosen == one.chosen
    assert oracle(xs[0], 0, settings)[1].tolist() == np.array(paired[0].predictions)[FOLDS == 0].tolist()
