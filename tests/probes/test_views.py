"""Views: standardised float64, at the row's own and at equal dimension, fitted on train alone."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from small_probe import features, params

from trajprobe.probes.views import ProbedFeatures, equal_width, own_view, own_width, rotated, views


def parted_as_is(features_, clips, settings, equal=True):
    """Views fitted to the first `clips`; of the others, or where there are none of the last two."""
    total = len(features_.x)
    return views(features_, np.arange(clips), np.arange(min(clips, total - 2), total), equal, settings)


def parted(x, clips, settings, equal=True):
    return parted_as_is(ProbedFeatures.of(x, settings), clips, settings, equal)


@pytest.mark.parametrize(
    ("shape", "changed", "expected"),
    [
        ((80, 50), {}, [50, 4]),
        ((80, 51), {}, [3]),
        ((80, 4), {}, [4]),
        ((80, 5), {}, [5, 4]),
        ((3, 5), {}, [5, 2]),
        ((80, 51), {"pca_components": 100}, [51, 4]),
        ((80, 200), {"pca_components": 100}, [79, 4]),
        ((80, 200), {"pca_components": 100, "equal_dimensions": 32}, [79, 32]),
        ((20, 200), {"pca_components": 100, "equal_dimensions": 32}, [19, 19]),
        ((20, 40), {"equal_dimensions": 32}, [40, 19]),
    ],
)
def test_there_are_no_more_components_than_clips_or_dimensions_can_have(shape, changed, expected):
    settings = params(**changed)
    clips, dimensions = shape
    equal = equal_width(*shape, settings)
    assert [own_width(*shape, settings), *([] if equal is None else [equal])] == expected
    x = np.random.default_rng(0).normal(size=(clips + 2, dimensions)).astype(np.float32)
    assert [seen.shape[1] for seen, _ in parted(x, clips, settings)] == expected
    assert [seen.shape[1] for seen, _ in parted(x, clips, settings, equal=False)] == expected[:1]


def test_pca_is_fitted_above_its_threshold_only():
    narrow, wide = (ProbedFeatures(np.zeros((90, dimensions)), dimensions) for dimensions in (50, 51))
    assert [type(step).__name__ for step in own_view(80, narrow, params())] == ["FunctionTransformer", "StandardScaler"]
    assert isinstance(own_view(80, wide, params())[0], PCA)


@pytest.mark.parametrize("changed", [{}, {"pca_above": 11}, {"pca_above": 11, "pca_components": 8}])
def test_whatever_the_features_are_a_classifier_sees_standardised_float64(changed):
    x = features(0.5, 0.5)
    for seen, unseen in parted(x, 80, params(**changed)):
        assert seen.dtype == unseen.dtype == np.float64
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(seen.std(axis=0), 1, atol=1e-6)
        assert len(unseen) == 40


def test_equal_dimension_holds_the_leading_components_of_the_standardised_row():
    x = features(0.5, 0.5).astype(float)
    (own, unseen), (few, few_unseen) = parted(x, 80, params())
    # The right singular vectors; their signs are free.
    axes = np.linalg.svd(own, full_matrices=False)[2][:4].T
    expected, scale = own @ axes, (own @ axes).std(axis=0)
    np.testing.assert_allclose(np.abs(few), np.abs(expected / scale), atol=1e-9)
    np.testing.assert_allclose(np.abs(few_unseen), np.abs(unseen @ axes / scale), atol=1e-9)


def test_a_row_of_few_clips_has_no_component_of_rounding_error():
    """N clips less their mean span n - 1 dimensions; the next one, standardised, would be as large as any."""
    x = np.random.default_rng(0).normal(size=(30, 400)).astype(np.float32)
    ((seen, unseen),) = parted(x, 10, params(pca_components=100, equal_dimensions=100))
    assert seen.shape[1] == 9
    assert np.abs(unseen).max() < 10


def wide(clips, signal):
    """Clips of 700 dimensions, of unlike scale and far from zero, with ten directions of `signal`."""
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(10, 700)) * np.logspace(1, 0, 10)[:, None]
    x = generator.normal(size=(clips, 700)) + signal * generator.normal(size=(clips, 10)) @ directions
    return (x * np.logspace(-1, 0, 700) + 5).astype(np.float32)


def test_a_rotation_keeps_all_inner_products():
    x = wide(60, 1)
    (turned,), centred = rotated(x), x.astype(float) - x.astype(float).mean(axis=0)
    assert (turned.shape, turned.dtype) == ((60, 61), np.float32)
    np.testing.assert_allclose(turned.astype(float) @ turned.T, centred @ centred.T, rtol=1e-5, atol=0.1)
    (pieces,) = rotated(np.hstack([x] * 7))  # more than are widened at a time
    np.testing.assert_allclose(pieces.astype(float) @ pieces.T, 7 * centred @ centred.T, rtol=1e-5, atol=0.7)


def test_others_are_rotated_alike():
    """Their inner products with x stay, and so do those of what lies in the dimensions that x spans."""
    x, other = wide(60, 1), wide(90, 1)[:25]
    mean = x.astype(float).mean(axis=0)
    turned, moved, own = rotated(x, [other, x])
    np.testing.assert_allclose(own, turned, rtol=1e-4, atol=0.02)
    expected = (other - mean) @ (x - mean).T
    np.testing.assert_allclose(moved.astype(float) @ turned.T, expected, rtol=1e-4, atol=0.5)


@pytest.mark.parametrize(
    ("clips", "train", "signal"),
    [
        (60, 40, 3.0),  # solved exactly when rotated, and nearly so otherwise
        (540, 510, 0.0),  # solved by random projections in both, which a flat spectrum shows
        (540, 540, 0.0),
    ],
)
def test_a_row_of_more_dimensions_than_clips_has_the_views_that_it_would_have_unrotated(clips, train, signal):
    """Up to the signs of components, which are free."""
    x, settings = wide(clips, signal), params(pca_components=10)
    assert ProbedFeatures.of(x, settings).x.shape == (clips, 1, clips + 1)
    for plain, turned in zip(
        parted_as_is(ProbedFeatures(x[:, None], 700), train, settings), parted(x, train, settings), strict=True
    ):
        for expected, view in zip(plain, turned, strict=True):
            np.testing.assert_allclose(np.abs(view), np.abs(expected), atol=5e-3)


@pytest.mark.parametrize(("clips", "dimensions"), [(60, 50), (60, 60), (80, 60)])
def test_other_rows_are_not_rotated(clips, dimensions):
    """Narrow ones are standardised by dimension; of as many clips as dimensions nothing would be saved."""
    x = np.random.default_rng(0).normal(size=(clips, dimensions))
    assert np.shares_memory(ProbedFeatures.of(x, params()).x, x)
    np.testing.assert_array_equal(ProbedFeatures.of(x, params()).x[:, 0], x)
