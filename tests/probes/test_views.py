"""Views: standardised float64, at the row's own and at equal dimension, fitted on train alone."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from small_probe import features, params

from trajprobe.probes.views import own_view, views, widths


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
    told = params(**changed)
    assert widths(shape, told) == expected
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert [seen.shape[1] for seen, _ in views(x, x[:2], told)] == expected


def test_pca_is_fitted_above_its_threshold_only():
    assert [type(step).__name__ for step in own_view((80, 50), params())] == ["FunctionTransformer", "StandardScaler"]
    assert isinstance(own_view((80, 51), params())[0], PCA)


@pytest.mark.parametrize("changed", [{}, {"pca_above": 11}, {"pca_above": 11, "pca_components": 8}])
def test_whatever_the_features_are_a_classifier_sees_standardised_float64(changed):
    x = features(0.5, 0.5)
    for seen, unseen in views(x[:80], x[80:], params(**changed)):
        assert seen.dtype == unseen.dtype == np.float64
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(seen.std(axis=0), 1, atol=1e-6)
        assert len(unseen) == 40


def test_equal_dimension_holds_the_leading_components_of_the_standardised_row():
    x = features(0.5, 0.5).astype(float)
    (own, unseen), (few, few_unseen) = views(x[:80], x[80:], params())
    # The right singular vectors; their signs are free.
    axes = np.linalg.svd(own, full_matrices=False)[2][:4].T
    expected, scale = own @ axes, (own @ axes).std(axis=0)
    np.testing.assert_allclose(np.abs(few), np.abs(expected / scale), atol=1e-9)
    np.testing.assert_allclose(np.abs(few_unseen), np.abs(unseen @ axes / scale), atol=1e-9)


def test_a_row_of_few_clips_has_no_component_of_rounding_error():
    """N clips less their mean span n - 1 dimensions; the next one, standardised, would be as large as any."""
    x = np.random.default_rng(0).normal(size=(30, 400)).astype(np.float32)
    ((seen, unseen),) = views(x[:10], x[10:], params(pca_components=100, equal_dimensions=100))
    assert seen.shape[1] == 9
    assert np.abs(unseen).max() < 10
