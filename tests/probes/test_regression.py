"""Shared regressions against scikit-learn's, converged, and against the conditions of the optimum."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from small_probe import GROUPS, LABELS, TIGHT, features

from trajprobe.probes import regression
from trajprobe.probes.regression import TOLERANCE, Decomposition


def standardised(clips=120, dimensions=12, signal=0.5):
    x = features(signal, 0.5, dimensions).astype(float)[:clips]
    return (x - x.mean(axis=0)) / x.std(axis=0) + 3  # not centred: the offsets bear that


@pytest.mark.parametrize("labels", [LABELS, GROUPS % 2, 7 - 2 * LABELS], ids=["three", "two", "gaps"])
@pytest.mark.parametrize("c", [0.001, 1.0, 100.0])
@pytest.mark.parametrize(("clips", "dimensions"), [(120, 12), (40, 12), (20, 60), (120, 120)])
def test_it_is_the_regression_of_scikit_learn_at_its_optimum(monkeypatch, clips, dimensions, c, labels):
    monkeypatch.setattr(regression, "TOLERANCE", 1e-10)
    x, labels = standardised(clips, dimensions), labels[:clips]
    ours = Decomposition(x).fit(labels, c, 20000)
    theirs = LogisticRegression(C=c, **TIGHT).fit(x, labels)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    unseen = np.random.default_rng(1).normal(size=(500, dimensions)) + 3
    np.testing.assert_allclose(ours.predict_proba(unseen), theirs.predict_proba(unseen), atol=2e-3)
    np.testing.assert_array_equal(ours.predict(unseen), theirs.predict(unseen))


def loss(fitted, x, labels, c):
    codes = np.searchsorted(fitted.classes_, labels)
    likely = np.log(fitted.predict_proba(x)[np.arange(len(x)), codes])
    return -c * likely.sum() + (fitted.weights**2).sum() / 2


@pytest.mark.parametrize("c", [0.01, 1.0, 1000.0])
@pytest.mark.parametrize("dimensions", [12, 200])
def test_it_is_closer_to_the_optimum_than_scikit_learn_with_its_own_tolerance(c, dimensions):
    x = standardised(dimensions=dimensions)
    theirs = LogisticRegression(C=c, max_iter=5000).fit(x, LABELS)
    ours = Decomposition(x).fit(LABELS, c, 5000)
    peer = ours._replace(weights=theirs.coef_.T, offsets=theirs.intercept_)
    assert loss(ours, x, LABELS, c) < loss(peer, x, LABELS, c)


@pytest.mark.parametrize("c", [0.01, 3.0, 1000.0])
@pytest.mark.parametrize("dimensions", [12, 200])
def test_its_gradient_is_as_small_as_promised(dimensions, c):
    """d/dW = c X'(P - Y) + W and d/db = c 1'(P - Y), in the basis of the features' principal axes."""
    x = standardised(dimensions=dimensions)
    fitted = Decomposition(x).fit(LABELS, c, 5000)
    np.testing.assert_allclose(fitted.predict_proba(x), softmax(x @ fitted.weights + fitted.offsets, axis=1))
    away = fitted.predict_proba(x) - np.eye(3)[LABELS]
    centred = x - x.mean(axis=0)
    _, values, basis = np.linalg.svd(centred, full_matrices=False)
    keep = values > 1e-4
    gradient = basis[keep] @ (c * centred.T @ away + fitted.weights)
    assert np.abs(gradient).max() <= 1.01 * TOLERANCE * c * 120
    assert c * np.abs(away.sum(axis=0)).max() <= 1.01 * TOLERANCE * c * 120
    # Nothing outside the span of the clips.
    np.testing.assert_allclose(fitted.weights, basis[keep].T @ (basis[keep] @ fitted.weights), atol=1e-9)


def test_what_is_constant_or_repeated_is_no_obstacle(monkeypatch):
    monkeypatch.setattr(regression, "TOLERANCE", 1e-6)
    x = standardised()
    x = np.hstack([x, np.full((120, 1), 4.0), x[:, :3]])
    theirs = LogisticRegression(C=1, **TIGHT).fit(x, LABELS)
    for clips in (slice(None), slice(12)):  # more clips than dimensions, and fewer
        ours, theirs = Decomposition(x[clips]).fit(LABELS[clips], 1, 5000), theirs.fit(x[clips], LABELS[clips])
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)


def test_clips_that_are_all_alike_give_the_classes_shares():
    fitted = Decomposition(np.ones((8, 20))).fit(np.array([0, 0, 0, 1, 2, 2, 2, 2]), 1, 100)
    np.testing.assert_allclose(fitted.predict_proba(np.ones((1, 20))), [[3 / 8, 1 / 8, 1 / 2]], atol=1e-5)


def test_a_decomposition_serves_all_labels_and_penalties_as_its_first():
    x = standardised()
    shared = Decomposition(x)
    for labels, c in ((LABELS, 1.0), (GROUPS % 2, 0.01), (LABELS[::-1], 10.0), (LABELS, 1.0)):
        np.testing.assert_array_equal(
            shared.fit(labels, c, 5000).weights, Decomposition(x).fit(labels, c, 5000).weights
        )


@pytest.mark.parametrize("dimensions", [12, 200])
def test_it_begins_where_it_is_told(dimensions):
    """One step from the optimum of a penalty stays there; two from that of another one lead further than from zero."""
    x = standardised(dimensions=dimensions)
    decomposition = Decomposition(x)
    solution = decomposition.fit(LABELS, 3.0, 5000)
    again = decomposition.fit(LABELS, 3.0, 1, solution)
    assert loss(again, x, LABELS, 3.0) == pytest.approx(loss(solution, x, LABELS, 3.0), rel=1e-3)
    near, far = (decomposition.fit(LABELS, 4.0, 2, start) for start in (solution, None))
    assert loss(near, x, LABELS, 4.0) < loss(far, x, LABELS, 4.0)


def test_it_stops_after_as_many_steps_as_it_may_take():
    x = standardised()
    losses = [loss(Decomposition(x).fit(LABELS, 10.0, steps), x, LABELS, 10.0) for steps in (1, 3, 5000)]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 3
