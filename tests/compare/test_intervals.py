"""What is known of a mean over clips: against all samples of few groups, and against Student's t."""

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.intervals import CHUNK, Bootstrap, Student, interval, over_clips, variances

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)
#: Six groups of one to four clips, of unlike means; their names are in no order.
GROUPS = np.array([7, 7, 7, 3, 3, 5, 9, 9, 9, 9, 1, 1, 12])
VALUES = np.array([0.31, 0.24, -0.3, 0.51, 0.07, -0.25, 0.08, 0.62, -0.12, 0.2, -0.41, 0.33, 0.17])
LEVELS = (0.025, 0.1, 0.5, 0.8, 0.975)


def over(values, groups, draws=10000, seed=0):
    return over_clips(np.atleast_2d(values), groups, draws, seed)[0]


def ends(values, groups, draws=10000, confidence=0.95, seed=0):
    return interval(over(values, groups, draws, seed), confidence)


def width(estimate):
    return estimate.ci_high - estimate.ci_low


# Over clips


@pytest.fixture(scope="module")
def few():
    """Of few groups, and all samples of them."""
    return over(VALUES, GROUPS, draws=60000), oracles.all_samples(VALUES, GROUPS)


def test_draws_are_those_of_all_samples_of_the_groups(few):
    found, means = few
    assert len(means) == 6**6
    assert found.mean == pytest.approx(VALUES.mean())
    assert (found.groups, found.freedom) == (6, 5)
    assert (np.diff(found.draws) >= 0).all()
    places = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(np.quantile(found.draws, places), np.quantile(means, places), atol=0.006)
    # The bootstrap's variance is too small by (g - 1) / g, since it divides by g.
    assert found.error == pytest.approx(means.std() * np.sqrt(6 / 5), rel=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_levels_are_moved_outwards(few, level):
    found, means = few
    moved = oracles.expanded(level, 6)
    assert abs(moved - 0.5) >= abs(level - 0.5)
    assert found.at(level) == pytest.approx(np.quantile(means, moved), abs=0.012)


@pytest.mark.parametrize("value", [-0.15, 0.0, 0.1, 0.2])
def test_p_is_the_share_of_all_samples_moved_back(few, value):
    found, means = few
    for tail, share in ((found.below, np.mean(means <= value)), (found.above, np.mean(means >= value))):
        assert tail(value) == pytest.approx(stats.t.cdf(np.sqrt(5 / 6) * stats.norm.ppf(share), 5), abs=0.006)


@pytest.mark.parametrize("count", [8, 30, 400])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_independent_clips_have_students_interval(count, confidence):
    """With 8 clips a plain percentile interval is narrower by 15 to 22 %."""
    values = np.random.default_rng(count).permutation(stats.norm.ppf((np.arange(count) + 0.5) / count))
    found = ends(values, np.arange(count), draws=20000, confidence=confidence)
    low, high = stats.t.interval(confidence, count - 1, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=0.035 * (high - low))


def test_shares_of_independent_clips_have_students_interval_and_test():
    found, error = over(RIGHT, ALONE), stats.sem(RIGHT)
    low, high = stats.t.interval(0.95, 199, RIGHT.mean(), error)
    assert interval(found, 0.95)[1:] == pytest.approx((low, high), abs=0.006)
    assert found.error == pytest.approx(error, rel=0.03)
    for value in (0.6, 0.65, 0.7):  # a mean is a step of 1/200: half of it is the correction for continuity
        for tail, side, step in ((found.below, "greater", 1 / 400), (found.above, "less", -1 / 400)):
            expected = stats.ttest_1samp(RIGHT, value + step, alternative=side).pvalue
            assert tail(value) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.3, 0.5])
def test_p_is_alpha_where_the_one_sided_bound_is(few, alpha):
    # Between two equal draws no value is nearer, so that p may jump by a draw's few copies.
    normal = over(np.random.default_rng(1).normal(size=200), ALONE, draws=20000)
    for known, near in ((few[0], 0.012), (normal, 0.0005), (Student(0.3, 0.2, 4.0), 1e-9)):
        assert known.below(known.at(alpha)) == pytest.approx(alpha, abs=near)
        assert known.above(known.at(1 - alpha)) == pytest.approx(alpha, abs=near)


def test_ties_count_on_both_sides():
    """Draws of 0 are as little as 0 and as much as 0, also where rounding made them a little more or less."""
    known = Bootstrap(0.1, np.sort([-0.1, -1e-16, 0.0, 1e-16, 0.2, 0.2, 0.3, 0.3, 0.4]), 1001)
    # With so many groups nothing is moved; the sample itself counts as one more draw.
    assert known.below(0) == pytest.approx(5 / 10, abs=1e-3)
    assert known.above(0) == pytest.approx(9 / 10, abs=1e-3)
    assert known.below(0.2) == pytest.approx(7 / 10, abs=1e-3)
    assert known.above(0.2) == pytest.approx(6 / 10, abs=1e-3)
    assert known.below(-0.2) == pytest.approx(1 / 10, abs=1e-3)
    assert known.above(0.5) == pytest.approx(1 / 10, abs=1e-3)


def test_p_is_never_nothing():
    """No draw of 999 is below, so that p is that of one in 1000."""
    found = over(np.random.default_rng(0).normal(5, 1, 200), ALONE, draws=999)
    assert found.below(0) == pytest.approx(stats.t.cdf(np.sqrt(199 / 200) * stats.norm.ppf(0.001), 199))
    assert found.above(0) == 1


@pytest.mark.parametrize(("values", "groups"), [(np.zeros(200), ALONE), (np.ones(13), GROUPS)])
def test_what_never_varies_has_no_width(values, groups):
    found = over(values, groups, draws=1000)
    assert interval(found, 0.95) == pytest.approx([values[0]] * 3, abs=1e-12)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert (found.below(values[0]), found.above(values[0])) == (1, 1)
    assert found.below(values[0] - 0.1) < 0.05 < found.below(values[0] + 0.1) == 1
    assert found.above(values[0] + 0.1) < 0.05 < found.above(values[0] - 0.1) == 1


def test_copies_of_clips_in_one_group_add_no_certainty():
    times = 5
    copied, groups = np.repeat(RIGHT, times), np.repeat(ALONE, times)
    assert ends(copied, groups) == pytest.approx(ends(RIGHT, ALONE))
    ratio = width(ends(RIGHT, ALONE)) / width(ends(copied, np.arange(200 * times)))
    assert ratio == pytest.approx(np.sqrt(times), rel=0.1)


@pytest.mark.parametrize("count", [8, 40])
def test_it_covers_the_truth_about_as_often_as_it_says(count):
    """With 8 groups a plain percentile interval covers 83 %. Three errors of 3,000 tables are 1.6 points."""
    generator, tables = np.random.default_rng(1), 3000
    groups = np.repeat(np.arange(count), 3)
    values = generator.normal(size=(tables, count))[:, groups] + generator.normal(size=(tables, 3 * count))
    found = [interval(known, 0.9) for known in over_clips(values, groups, 600, 0)]
    covered = np.mean([one.ci_low <= 0 <= one.ci_high for one in found])
    assert covered == pytest.approx(0.9, abs=0.02)


def test_a_paired_difference_is_narrower():
    generator = np.random.default_rng(2)
    other = np.where(generator.random(200) < 0.1, 1 - RIGHT, RIGHT)
    one, two, difference = over_clips(np.stack([RIGHT, other, RIGHT - other]), ALONE, 10000, 0)
    assert difference.mean == pytest.approx(one.mean - two.mean)
    half = stats.norm.ppf(0.975) * (RIGHT - other).std() / np.sqrt(200)
    widths = [width(interval(known, 0.95)) for known in (one, two, difference)]
    assert widths[2] == pytest.approx(2 * half, rel=0.1)
    assert widths[2] < 0.7 * np.hypot(*widths[:2])


def test_all_rows_are_drawn_alike():
    alone = over(RIGHT, ALONE)
    flipped, same, again = over_clips(np.stack([1 - RIGHT, RIGHT, RIGHT]), ALONE, 10000, 0)
    for known in (same, again):
        np.testing.assert_array_equal(known.draws, alone.draws)
    np.testing.assert_allclose(flipped.draws, 1 - alone.draws[::-1])


@pytest.mark.parametrize("draws", [CHUNK - 1, CHUNK, 2 * CHUNK + 200])
def test_draws_repeat_and_the_seed_matters(draws):
    values = np.random.default_rng(0).normal(size=200)
    first, again, other = (over(values, ALONE, draws, seed).draws for seed in (0, 0, 1))
    assert first.shape == (draws,)
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other]))) == 2 * draws  # nor is a chunk drawn twice


# Student


@pytest.mark.parametrize("freedom", [1.0, 4.0, 7.3, 200.0])
def test_student_is_scipys(freedom):
    known = Student(0.3, 0.2, freedom)
    law = stats.t(freedom, loc=0.3, scale=0.2)
    assert interval(known, 0.9) == pytest.approx((0.3, *law.interval(0.9)))
    for value in (-1.0, 0.0, 0.3, 0.7):
        # The chance of a mean as far up as 0.3, or down, where the truth is `value`.
        assert known.below(value) == pytest.approx(stats.t.sf(0.3, freedom, loc=value, scale=0.2))
        assert known.above(value) == pytest.approx(stats.t.cdf(0.3, freedom, loc=value, scale=0.2))
    for level in LEVELS:
        assert known.at(level) == pytest.approx(law.ppf(level))


@pytest.mark.parametrize("noise", [0.0, 1e-16])
def test_without_error_all_but_the_mean_is_excluded(noise):
    known = Student(0.3 + noise, noise, 4.0)
    assert interval(known, 0.95) == pytest.approx((0.3, 0.3, 0.3))
    assert (known.below(0.3), known.above(0.3)) == (1, 1)
    assert (known.below(0.29), known.above(0.29)) == (0, 1)
    assert (known.below(0.31), known.above(0.31)) == (1, 0)


# Variances


def test_variances_are_those_of_plain_loops():
    values = np.random.default_rng(0).normal(size=(3, 13))
    expected = [oracles.variance_of_mean(row.tolist(), GROUPS) for row in values]
    np.testing.assert_allclose(variances(values, GROUPS), expected)


def test_with_a_group_a_clip_it_is_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(size=(3, 200))
    np.testing.assert_allclose(variances(values, ALONE[::-1]), stats.sem(values, axis=1) ** 2)


def test_of_groups_of_one_size_it_is_the_variance_of_the_mean_of_their_means():
    values = np.random.default_rng(0).normal(size=(3, 200))
    means = values.reshape(3, 40, 5).mean(axis=2)
    np.testing.assert_allclose(variances(values, ALONE // 5), stats.sem(means, axis=1) ** 2)


def test_it_is_near_the_bootstraps_for_unequal_groups():
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 60, 400)
    values = generator.normal(size=60)[groups] + generator.normal(size=400)
    assert np.sqrt(variances(values[np.newaxis], groups)[0]) == pytest.approx(over(values, groups).error, rel=0.05)
