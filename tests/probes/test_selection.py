"""The choice from the grid: ties, edges, and what is too little to choose from."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from small_probe import GRID, GROUPS, LABELS, features, params, probed

from trajprobe.errors import UserError
from trajprobe.probes.selection import inner_splits, select
from trajprobe.probes.views import ProbedFeatures


def own_choice(x, labels, groups, settings):
    """Of all clips' own view."""
    splits = inner_splits(np.arange(len(labels)), labels, groups, settings)
    (choice,) = select(ProbedFeatures.of(x, settings), labels, splits, False, settings)
    return choice


class Stub:
    """In place of a classifier: right about the clips with a number below the value's, whatever it is fitted to."""

    key, last = "stub.value", None

    def __init__(self, right, last=None):
        self.right, self.last = right, last
        self.grid = tuple(float(value) for value in range(len(right)))

    def fit_grid(self, x, labels, seed):
        return [SimpleNamespace(predict=partial(self.predict, share)) for share in self.right]

    def predictions(self, fitted, x, cameras):
        assert cameras == 1
        return fitted.predict(x)

    def predict(self, share, x):
        answers = self.labels[np.round(x[:, 0]).astype(int)]
        return np.where(np.arange(len(x)) < round(share * len(x)), answers, -1)


@pytest.mark.parametrize(
    ("right", "last", "value", "at_edge"),
    [
        ((0.9, 0.5, 0.2), None, 0, True),
        ((0.9, 0.9, 0.2), None, 0, False),  # the tie says that wider is no better
        ((1, 1, 1), None, 0, False),
        ((0, 0, 0), None, 0, False),
        ((0.9, 0.5, 0.9), None, 0, True),
        ((0.5, 0.9, 0.2), None, 1, False),
        ((0.5, 0.9, 0.9), None, 1, False),
        ((0.2, 0.5, 0.9), None, 2, True),
        ((0.2, 0.5, 0.9), 2, 2, False),  # there is nothing beyond
        ((0.9, 0.5, 0.2), 2, 0, True),
        ((0.2, 0.9), None, 1, True),
        ((0.9, 0.9), None, 0, False),
        ((0.7,), None, 0, False),
    ],
)
def test_the_simplest_of_the_best_is_chosen_and_at_an_edge_if_it_is_better_there(
    monkeypatch, right, last, value, at_edge
):
    settings, stub = params(), Stub(right, last)
    monkeypatch.setattr(type(settings), "model", stub)
    monkeypatch.setattr(
        "trajprobe.probes.selection.views",
        lambda features, train, test, *_: [(features.x[train, 0], features.x[test, 0])],
    )
    stub.labels = LABELS
    assert own_choice(np.arange(120.0)[:, None], LABELS, GROUPS, settings)[:2] == (value, at_edge)


def test_the_order_of_the_grid_does_not_matter_and_of_equals_the_smallest_is_chosen():
    x = features(0.5, 0.5)
    chosen = [probed(x, 0, params(c=c)).chosen.value for c in (GRID, GRID[::-1])]
    assert chosen[0] == chosen[1]
    separable = np.eye(3)[LABELS] * 1e3
    assert own_choice(separable, LABELS, GROUPS, params(c=(30.0, 1.0, 3.0)))[:2] == (1.0, False)
    for name, smoothest in (("ridge", 1000), ("knn", 20), ("mlp", 10)):
        assert own_choice(separable, LABELS, GROUPS, params(classifier=name))[:2] == (smoothest, False)


def test_one_neighbour_is_no_edge():
    """Planted: pairs of clips, of which one neighbour tells the class and any more mislead."""
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.arange(120) // 2 % 3)
    x = np.empty((120, 2))
    for label in range(3):
        clips = np.flatnonzero(labels == label)
        x[clips] = np.repeat(generator.uniform(-1, 1, size=(20, 2)), 2, axis=0)
    settings = params(classifier="knn", knn={"neighbours": [1, 7]})
    assert own_choice(x, labels, np.arange(120), settings)[:2] == (1, False)
    assert own_choice(x, labels, np.arange(120), params(classifier="knn", knn={"neighbours": [3, 40]})).value == 3


@pytest.mark.parametrize(
    ("labels", "groups", "words"),
    [
        (
            [0, 1, 0, 1],
            [0, 0, 1, 1],
            "trains on 2 groups, fewer than `probe.inner_folds`, 3; .*`probe.logistic.c` one",
        ),
        ([0, 1, 2, 3], [0, 1, 2, 3], "trains on 1 clips of its largest class"),
        ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 3, 3], "an inner fold trains on one class"),
    ],
)
def test_too_little_to_choose_c_from_is_refused(labels, groups, words):
    with pytest.raises(UserError, match=words):
        inner_splits(np.arange(len(labels)), np.array(labels), np.array(groups), params(inner_folds=3))


def test_inner_folds_part_the_clips_of_train_and_no_group():
    train = np.flatnonzero(GROUPS % 5 != 1)
    splits = inner_splits(train, LABELS, GROUPS, params())
    assert np.sort(np.concatenate([split.test for split in splits])).tolist() == train.tolist()
    for split in splits:
        assert np.sort(np.concatenate(split)).tolist() == train.tolist()
        assert not set(GROUPS[split.train]) & set(GROUPS[split.test])


@pytest.mark.parametrize(("equal", "count"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("c", [GRID, (0.3,)])
def test_each_view_has_its_choice(c, equal, count):
    x, settings = ProbedFeatures.of(features(0.4, 0.5), params()), params(c=c)
    choices = select(x, LABELS, inner_splits(np.arange(120), LABELS, GROUPS, settings), equal, settings)
    assert len(choices) == count
    if c == GRID and equal:
        assert choices[0].value != choices[1].value
