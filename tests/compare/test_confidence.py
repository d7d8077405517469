"""Confidence distributions: against all samples of few groups, and against Student's t by scipy."""

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.confidence import BootstrapDistribution, StudentDistribution, confidence_interval

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)
#: Six groups of one to four clips, of unlike means; their names are in no order.
GROUPS = np.array([7, 7, 7, 3, 3, 5, 9, 9, 9, 9, 1, 1, 12])
VALUES = np.array([0.31, 0.24, -0.3, 0.51, 0.07, -0.25, 0.08, 0.62, -0.12, 0.2, -0.41, 0.33, 0.17])
LEVELS = (0.025, 0.1, 0.5, 0.8, 0.975)


def over(values, groups, draws=10000, seed=0):
    """The distribution of the mean of `values` (... n), from draws of the groups by numpy."""
    values = np.asarray(values)
    of_group = np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(of_group, weights=row) for row in np.atleast_2d(values)])
    count, clips = len(np.bincount(of_group)), np.bincount(of_group)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    means = np.sort(sums @ times.T / (times @ clips), axis=1)
    found = [
        BootstrapDistribution(float(row.mean()), drawn, count)
        for row, drawn in zip(np.atleast_2d(values), means, strict=True)
    ]
    return found if values.ndim > 1 else found[0]


# Bootstrap


@pytest.fixture(scope="module")
def few():
    """Of few groups, and all samples of them."""
    return over(VALUES, GROUPS, draws=60000), oracles.all_samples(VALUES, GROUPS)


def test_the_standard_error_is_that_of_all_samples_and_unbiased(few):
    distribution, means = few
    assert len(means) == 6**6
    assert distribution.mean == pytest.approx(VALUES.mean())
    assert (distribution.groups, distribution.degrees_of_freedom) == (6, 5)
    # The bootstrap's variance is too small by (g - 1) / g, since it divides by g.
    assert distribution.standard_error == pytest.approx(means.std() * np.sqrt(6 / 5), rel=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_levels_are_moved_outwards(few, level):
    distribution, means = few
    moved = oracles.expanded(level, 6)
    assert abs(moved - 0.5) >= abs(level - 0.5)
    assert distribution.quantile(level) == pytest.approx(np.quantile(means, moved), abs=0.012)


@pytest.mark.parametrize("value", [-0.15, 0.0, 0.1, 0.2])
def test_p_is_the_share_of_all_samples_moved_back(few, value):
    distribution, means = few
    for p_value, share in (
        (distribution.p_greater, np.mean(means <= value)),
        (distribution.p_less, np.mean(means >= value)),
    ):
        assert p_value(value) == pytest.approx(stats.t.cdf(np.sqrt(5 / 6) * stats.norm.ppf(share), 5), abs=0.006)


@pytest.mark.parametrize("count", [8, 30, 400])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_independent_clips_have_students_interval(count, confidence):
    """With 8 clips a plain percentile interval is narrower by 15 to 22 %."""
    values = np.random.default_rng(count).permutation(stats.norm.ppf((np.arange(count) + 0.5) / count))
    estimate = confidence_interval(over(values, np.arange(count), draws=20000), confidence)
    low, high = stats.t.interval(confidence, count - 1, values.mean(), stats.sem(values))
    assert estimate.mean == pytest.approx(values.mean())
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high), abs=0.035 * (high - low))


def test_shares_of_independent_clips_have_students_interval_and_test():
    distribution, error = over(RIGHT, ALONE), stats.sem(RIGHT)
    low, high = stats.t.interval(0.95, 199, RIGHT.mean(), error)
    assert confidence_interval(distribution, 0.95)[1:] == pytest.approx((low, high), abs=0.006)
    assert distribution.standard_error == pytest.approx(error, rel=0.03)
    for null in (0.6, 0.65, 0.7):  # a mean is a step of 1/200: half of it is the correction for continuity
        for p_value, side, step in (
            (distribution.p_greater, "greater", 1 / 400),
            (distribution.p_less, "less", -1 / 400),
        ):
            expected = stats.ttest_1samp(RIGHT, null + step, alternative=side).pvalue
            assert p_value(null) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.3, 0.5])
def test_p_is_alpha_where_the_one_sided_bound_is(few, alpha):
    # Between two equal draws no value is nearer, so that p may jump by a draw's few copies.
    normal = over(np.random.default_rng(1).normal(size=200), ALONE, draws=20000)
    for distribution, near in ((few[0], 0.012), (normal, 0.0005), (StudentDistribution(0.3, 0.2, 4.0), 1e-9)):
        assert distribution.p_greater(distribution.quantile(alpha)) == pytest.approx(alpha, abs=near)
        assert distribution.p_less(distribution.quantile(1 - alpha)) == pytest.approx(alpha, abs=near)


def test_ties_count_on_both_sides():
    """Draws of 0 are as little as 0 and as much as 0, also where rounding made them a little more or less."""
    draws = np.sort([-0.1, -1e-16, 0.0, 1e-16, 0.2, 0.2, 0.3, 0.3, 0.4])
    distribution = BootstrapDistribution(0.1, draws, 1001)
    # With so many groups nothing is moved; the sample itself counts as one more draw.
    assert distribution.p_greater(0) == pytest.approx(5 / 10, abs=1e-3)
    assert distribution.p_less(0) == pytest.approx(9 / 10, abs=1e-3)
    assert distribution.p_greater(0.2) == pytest.approx(7 / 10, abs=1e-3)
    assert distribution.p_less(0.2) == pytest.approx(6 / 10, abs=1e-3)
    assert distribution.p_greater(-0.2) == pytest.approx(1 / 10, abs=1e-3)
    assert distribution.p_less(0.5) == pytest.approx(1 / 10, abs=1e-3)


def test_p_is_never_nothing():
    """No draw of 999 is below, so that p is that of one in 1000."""
    distribution = over(np.random.default_rng(0).normal(5, 1, 200), ALONE, draws=999)
    assert distribution.p_greater(0) == pytest.approx(stats.t.cdf(np.sqrt(199 / 200) * stats.norm.ppf(0.001), 199))
    assert distribution.p_less(0) == 1


@pytest.mark.parametrize(("values", "groups"), [(np.zeros(200), ALONE), (np.ones(13), GROUPS)])
def test_what_never_varies_has_no_width(values, groups):
    distribution = over(values, groups, draws=1000)
    assert confidence_interval(distribution, 0.95) == pytest.approx([values[0]] * 3, abs=1e-12)
    assert distribution.standard_error == pytest.approx(0, abs=1e-12)
    assert (distribution.p_greater(values[0]), distribution.p_less(values[0])) == (1, 1)
    assert distribution.p_greater(values[0] - 0.1) < 0.05 < distribution.p_greater(values[0] + 0.1) == 1
    assert distribution.p_less(values[0] + 0.1) < 0.05 < distribution.p_less(values[0] - 0.1) == 1


@pytest.mark.parametrize("count", [8, 40])
def test_it_covers_the_truth_about_as_often_as_it_says(count):
    """With 8 groups a plain percentile interval covers 83 %. Three errors of 3,000 tables are 1.6 points."""
    generator, tables = np.random.default_rng(1), 3000
    groups = np.repeat(np.arange(count), 3)
    values = generator.normal(size=(tables, count))[:, groups] + generator.normal(size=(tables, 3 * count))
    estimates = [confidence_interval(distribution, 0.9) for distribution in over(values, groups, 600)]
    covered = np.mean([estimate.ci_low <= 0 <= estimate.ci_high for estimate in estimates])
    assert covered == pytest.approx(0.9, abs=0.02)


# Student


@pytest.mark.parametrize("freedom", [1.0, 4.0, 7.3, 200.0])
def test_student_is_scipys(freedom):
    distribution = StudentDistribution(0.3, 0.2, freedom)
    law = stats.t(freedom, loc=0.3, scale=0.2)
    assert confidence_interval(distribution, 0.9) == pytest.approx((0.3, *law.interval(0.9)))
    for null in (-1.0, 0.0, 0.3, 0.7):
        # The probability of a mean as far up as 0.3, or down, where the truth is `null`.
        assert distribution.p_greater(null) == pytest.approx(stats.t.sf(0.3, freedom, loc=null, scale=0.2))
        assert distribution.p_less(null) == pytest.approx(stats.t.cdf(0.3, freedom, loc=null, scale=0.2))
    for level in LEVELS:
        assert distribution.quantile(level) == pytest.approx(law.ppf(level))


@pytest.mark.parametrize("noise", [0.0, 1e-16])
def test_without_error_all_but_the_mean_is_excluded(noise):
    distribution = StudentDistribution(0.3 + noise, noise, 4.0)
    assert confidence_interval(distribution, 0.95) == pytest.approx((0.3, 0.3, 0.3))
    assert (distribution.p_greater(0.3), distribution.p_less(0.3)) == (1, 1)
    assert (distribution.p_greater(0.29), distribution.p_less(0.29)) == (0, 1)
    assert (distribution.p_greater(0.31), distribution.p_less(0.31)) == (1, 0)
