"""The variance of a mean over groups: against matrices, equal groups against a plain variance, and by trial."""

import numpy as np
import pytest
from scipy import stats

from trajprobe.compare.group_variance import group_variance, intraclass_correlation

SIZES = np.array([128, 81, 51, 32, 20, 13, 8, 5, 3, 2])
WEIGHTS = SIZES / SIZES.sum()


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_sum_of_squares_over_their_expectations_by_matrices(seed):
    generator = np.random.default_rng(seed)
    weights, spread = generator.dirichlet(np.full(3 + seed, 0.7)), generator.uniform(0.1, 3, 3 + seed)
    residuals = generator.normal(size=(2, 3 + seed))
    maker = np.eye(3 + seed) - np.outer(np.ones(3 + seed), weights)
    covariance = maker @ np.diag(spread) @ maker.T
    variances, freedom = group_variance(residuals, weights, spread)
    assert variances == pytest.approx(residuals**2 / np.diag(covariance) @ (weights**2 * spread))
    assert freedom == pytest.approx(1 / sum(weight**2 for weight in weights) - 1)


def test_equal_groups_have_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(size=12)
    (variance,), freedom = group_variance((values - values.mean())[np.newaxis], np.full(12, 1 / 12), np.full(12, 0.3))
    assert np.sqrt(variance) == pytest.approx(stats.sem(values))
    assert freedom == pytest.approx(11)


def test_the_factor_of_all_spreads_does_not_matter():
    residuals = np.random.default_rng(0).normal(size=(1, 10))
    once, thrice = (group_variance(residuals, WEIGHTS, factor / SIZES) for factor in (1, 3))
    assert once.variances == pytest.approx(thrice.variances)
    assert once.degrees_of_freedom == pytest.approx(thrice.degrees_of_freedom)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_it_is_unbiased_and_its_t_holds_for_uneven_groups(correlation):
    """One group of ten has 37 % of the clips; three errors of 20,000 tables are half a point."""
    spread = correlation + (1 - correlation) / SIZES
    means = np.random.default_rng(1).normal(size=(20000, 10)) * np.sqrt(spread)
    estimates = means @ WEIGHTS
    residuals = means - estimates[:, np.newaxis]
    variances, freedom = group_variance(residuals, WEIGHTS, spread)
    assert variances.mean() == pytest.approx(WEIGHTS**2 @ spread, rel=0.03)
    beyond = np.mean(np.abs(estimates) / np.sqrt(variances) > stats.t.ppf(0.95, freedom))
    assert beyond == pytest.approx(0.1, abs=0.025)
    plain = (WEIGHTS**2 * residuals**2).sum(axis=1) * 10 / 9
    assert np.mean(np.abs(estimates) / np.sqrt(plain) > stats.t.ppf(0.95, 9)) > beyond + 0.05


def test_the_intraclass_correlation_is_that_of_scipys_analysis_of_variance():
    """For k groups of m values it is (F - 1) / (F + m - 1)."""
    generator = np.random.default_rng(0)
    of_group = np.repeat(np.arange(8), 5)
    values = generator.normal(size=8)[of_group] + generator.normal(size=40)
    ratio = stats.f_oneway(*values.reshape(8, 5)).statistic
    assert intraclass_correlation(values, of_group) == pytest.approx((ratio - 1) / (ratio + 4))
    assert intraclass_correlation(values + 5, of_group) == pytest.approx((ratio - 1) / (ratio + 4))


def test_the_intraclass_correlation_of_uneven_groups_is_near_the_truth():
    generator, of_group = (
        np.random.default_rng(0),
        np.repeat(np.arange(200), np.random.default_rng(1).integers(1, 12, 200)),
    )
    values = generator.normal(size=200)[of_group] * np.sqrt(0.4) + generator.normal(size=len(of_group)) * np.sqrt(0.6)
    assert intraclass_correlation(values, of_group) == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize(
    ("values", "of_group", "expected"),
    [
        ([1.0, 2, 3, 4], [0, 1, 2, 3], 0),  # no group has two
        ([1.0, 2, 3, 4], [0, 0, 0, 0], 0),  # one group
        ([1.0, 1, 1, 1], [0, 0, 1, 1], 0),  # nothing varies
        ([0.0, 0, 1, 1], [0, 0, 1, 1], 1),
        ([0.0, 1, 0, 1], [0, 0, 1, 1], 0),  # less alike than by chance
    ],
)
def test_the_intraclass_correlation_at_its_ends(values, of_group, expected):
    assert intraclass_correlation(np.array(values), np.array(of_group)) == pytest.approx(expected)
