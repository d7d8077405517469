"""Classifiers: their grids go from the simplest model on, and each is the textbook's."""

import numpy as np
import pytest
from small_probe import CLASSIFIERS, GROUPS, LABELS, SETTINGS, features, params

from trajprobe.errors import UserError
from trajprobe.params import parse
from trajprobe.probes import regression
from trajprobe.probes.settings import Probe


@pytest.mark.parametrize(
    ("name", "grid"),
    [("logistic", (0.001, 0.03, 1, 30)), ("ridge", (1000, 10, 0.1)), ("knn", (20, 5, 1)), ("mlp", (10, 0.1))],
)
def test_grids_begin_with_the_simplest_whatever_their_order_in_the_file(name, grid):
    assert params(classifier=name).model.grid == grid
    settings = params(classifier=name)
    section = {field: getattr(settings.model, field) for field in settings.model.__struct_fields__}
    key = settings.model.key.partition(".")[2]
    turned = params(classifier=name, **({name: section | {key: [*grid[::-1], grid[0]]}}))
    assert turned.model.grid == grid
    assert settings.model.key.startswith(f"{name}.")


def standardised(signal, of_group=0.5):
    x = features(signal, of_group).astype(float)
    return (x - x.mean(axis=0)) / x.std(axis=0)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_first_of_a_grid_is_the_smoothest(name):
    """Fitted to noise, it remembers its own clips less well than the last."""
    x, classifier = standardised(0, 0), params(classifier=name).model
    remembered = [
        (classifier.fit(x, LABELS, value, 0).predict(x) == LABELS).mean()
        for value in (classifier.grid[0], classifier.grid[-1])
    ]
    assert remembered[0] <= remembered[1]
    if name == "knn":
        assert remembered[1] == 1


def test_ridge_is_its_closed_form():
    x, classifier = standardised(0.5), params(classifier="ridge").model
    for alpha in (0.1, 1000.0):
        targets = 2 * np.eye(3)[LABELS] - 1
        weights = np.linalg.solve(x.T @ x + alpha * np.eye(12), x.T @ (targets - targets.mean(axis=0)))
        expected = (x @ weights + targets.mean(axis=0)).argmax(axis=1)
        np.testing.assert_array_equal(classifier.fit(x, LABELS, alpha, 0).predict(x), expected)


def test_neighbours_are_counted_by_hand():
    x, classifier = features(0.5, 0.5).astype(float), params(classifier="knn").model
    near = np.argsort(np.linalg.norm(x[100:, None] - x[None, :100], axis=2), axis=1)[:, :5]
    expected = [np.bincount(LABELS[row]).argmax() for row in near]
    assert classifier.fit(x[:100], LABELS[:100], 5.0, 0).predict(x[100:]).tolist() == expected


def test_more_neighbours_than_clips_are_refused():
    with pytest.raises(UserError, match=r"probe.knn.neighbours: got 20, expected at most the 15 clips .* lower it"):
        params(classifier="knn").model.fit(np.zeros((15, 2)), np.arange(15) % 2, 20, 0)
    fitted = params(classifier="knn").model.fit(np.zeros((20, 2)), np.arange(20) % 3, 20, 0)
    assert fitted.predict([[0, 0]]) == [0]


def test_the_mlp_is_what_its_section_says_and_its_seed_matters():
    x, classifier = standardised(0.5), params(classifier="mlp").model
    fitted, again, other = (classifier.fit(x, LABELS, 0.1, seed) for seed in (0, 0, 1))
    assert [one.shape for one in fitted.coefs_] == [(12, 8), (8, 3)]
    assert (fitted.n_iter_, fitted.t_) == (5, 5 * 120)
    assert (fitted.alpha, fitted.learning_rate_init, fitted.batch_size) == (0.1, 0.01, 20)
    slow = params(classifier="mlp", mlp=SETTINGS["mlp"] | {"epochs": 30, "learning_rate": 1e-9}).model
    assert slow.fit(x, LABELS, 0.1, 0).n_iter_ == 30  # and no fewer, though nothing is learned
    np.testing.assert_array_equal(fitted.coefs_[0], again.coefs_[0])
    assert (fitted.coefs_[0] != other.coefs_[0]).any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_that_has_ended_by_itself_has_converged(name):
    x = standardised(0.5)
    classifier = params(classifier=name).model
    assert classifier.converged(classifier.fit(x, LABELS, classifier.grid[0], 0))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_fits_to_many_labels_and_values_are_those_of_a_fit_to_each(name):
    x, classifier = standardised(0.5), params(classifier=name).model
    fit = classifier.fits(x[:80], 0)
    guesses = []
    for labels in (LABELS, LABELS[::-1], GROUPS % 2):
        for value in classifier.grid[:2]:
            guesses.append(fit(labels[:80], value).predict(x[80:]))
            np.testing.assert_array_equal(guesses[-1], classifier.fit(x[:80], labels[:80], value, 0).predict(x[80:]))
    assert len({guess.tobytes() for guess in guesses}) >= 3


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_fits_of_the_grid_are_those_of_each_value(monkeypatch, name):
    """A logistic regression begins at the one before it, and ends where it would have ended."""
    monkeypatch.setattr(regression, "TOLERANCE", 1e-8)
    x, classifier = standardised(0.5) + 3, params(classifier=name).model
    for value, model in zip(classifier.grid, classifier.fit_grid(x[:80], LABELS[:80], 0), strict=True):
        alone = classifier.fit(x[:80], LABELS[:80], value, 0)
        np.testing.assert_array_equal(model.predict(x[80:]), alone.predict(x[80:]))
        if name == "logistic":
            np.testing.assert_allclose(model.predict_proba(x), alone.predict_proba(x), atol=1e-6)


def test_the_section_of_a_classifier_has_its_name_and_is_read_without_further_ado():
    assert {name: type(params(classifier=name).model).__name__ for name in CLASSIFIERS} == {
        "logistic": "Logistic",
        "ridge": "Ridge",
        "knn": "Knn",
        "mlp": "Mlp",
    }
    with pytest.raises(
        UserError, match=r"at `classifier`: Invalid enum value 'svm', expected one of logistic, ridge, knn, mlp"
    ):
        parse(SETTINGS | {"classifier": "svm"}, Probe, "probe")
    with pytest.raises(UserError, match=r"at `knn`: unknown key `k`"):
        parse(SETTINGS | {"knn": {"k": 3}}, Probe, "probe")
    with pytest.raises(UserError, match="unknown key `svm`"):
        parse(SETTINGS | {"svm": {}}, Probe, "probe")
    with pytest.raises(UserError, match="missing key `ridge`"):
        parse({key: value for key, value in SETTINGS.items() if key != "ridge"}, Probe, "probe")
