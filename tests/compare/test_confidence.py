"""Confidence distributions: against Student's t by scipy, Wilson's closed form and Tango's likelihood by search."""

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.confidence import (
    Sampling,
    StudentDistribution,
    confidence_interval,
    difference_distribution,
    share_distribution,
)

LEVELS = (0.025, 0.1, 0.5, 0.8, 0.975)


def share(correct, clips, effect=1.0, freedom=None):
    """Of so many correct clips, with a variance that is so often that of independent ones."""
    mean = correct / clips
    return share_distribution(mean, sampling(mean * (1 - mean), clips, effect, freedom), 0, 1)


def difference(better, worse, clips, effect=1.0, freedom=None):
    """Of clips where the first is correct alone, and where the second is."""
    of_a_clip = (better + worse) / clips - ((better - worse) / clips) ** 2
    return difference_distribution(better / clips, worse / clips, sampling(of_a_clip, clips, effect, freedom))


def sampling(of_a_clip, clips, effect, freedom):
    return Sampling(of_a_clip / clips * effect, freedom or clips - 1, clips, effect)


# Shares


@pytest.mark.parametrize(("correct", "clips"), [(0, 60), (1, 60), (30, 60), (59, 60), (60, 60), (997, 1000)])
@pytest.mark.parametrize(("effect", "freedom"), [(1.0, None), (2.5, 9.0)])
def test_a_share_has_wilsons_interval_of_the_clips_that_the_design_effect_leaves(correct, clips, effect, freedom):
    expected = oracles.wilson(correct / clips, clips / effect, freedom or clips - 1, 0.95)
    found = confidence_interval(share(correct, clips, effect, freedom), 0.95)
    assert found == pytest.approx((correct / clips, *expected), abs=1e-9)


def test_all_clips_correct_is_no_certainty():
    """Nor is none: of 60 clips the interval is some 6 points wide."""
    low, high = confidence_interval(share(60, 60), 0.95)[1:]
    assert (low, high) == (pytest.approx(60 / (60 + stats.t.ppf(0.975, 59) ** 2)), 1)
    assert confidence_interval(share(0, 60), 0.95)[1:] == pytest.approx((0, 1 - low))


def test_a_mean_between_other_ends_is_a_share_of_their_distance():
    of_a_clip = 0.8 * 0.2
    half = share_distribution(0.6, Sampling(4 * of_a_clip / 50, 20.0, 50, 1.0), -1, 1)
    assert confidence_interval(half, 0.9) == pytest.approx(
        [2 * end - 1 for end in confidence_interval(share(40, 50, 1.0, 20.0), 0.9)], abs=1e-9
    )


@pytest.mark.parametrize("truth", [0.97, 0.99])
@pytest.mark.parametrize("clips", [60, 200])
def test_an_interval_near_1_covers_the_truth_as_often_as_it_says(truth, clips):
    """By the binomial's own probabilities; an estimate's own variance covers 84, 45, 92 and 86 %."""
    counts = np.arange(clips + 1)
    ends = np.array([confidence_interval(share(count, clips), 0.95)[1:] for count in counts])
    covered = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert stats.binom.pmf(counts, clips, truth)[covered].sum() > 0.93


# Differences of shares


@pytest.mark.parametrize(("better", "worse", "clips"), [(9, 3, 60), (3, 0, 60), (1, 1, 100), (0, 5, 200), (60, 0, 60)])
@pytest.mark.parametrize("null", [-0.3, -0.02, 0.0, 0.02, 0.2])
def test_a_difference_has_tangos_score_test(better, worse, clips, null):
    statistic = oracles.paired_score(better, worse, clips, null)
    distribution = difference(better, worse, clips)
    assert distribution.p_greater(null) == pytest.approx(stats.t.sf(statistic, clips - 1), abs=1e-6)
    assert distribution.p_less(null) == pytest.approx(stats.t.cdf(statistic, clips - 1), abs=1e-6)


def test_no_difference_is_tested_by_mcnemar():
    distribution = difference(12, 4, 100)
    assert distribution.p_greater(0) == pytest.approx(stats.t.sf((12 - 4) / np.sqrt(12 + 4), 99))


def test_a_design_effect_widens_it_by_its_root():
    once, wider = difference(12, 4, 100, 1.0, 9.0), difference(12, 4, 100, 4.0, 9.0)
    for null in (-0.1, 0.0, 0.05):
        assert wider.standard_error(null) == pytest.approx(2 * once.standard_error(null))


def test_two_that_never_differ_are_equal_as_far_as_the_clips_say():
    """Of n clips without a difference a margin m is excluded where n m / (1 - m) is beyond t squared."""
    for clips, equal in ((60, False), (100, False), (200, True)):
        distribution = difference(0, 0, clips)
        p_value = max(distribution.p_greater(-0.02), distribution.p_less(0.02))
        assert p_value == pytest.approx(stats.t.sf(np.sqrt(clips * 0.02 / 0.98), clips - 1))
        assert (p_value <= 0.05) == equal
        low, high = confidence_interval(distribution, 0.95)[1:]
        assert low < 0
        assert low == pytest.approx(-high)
    assert (distribution.p_greater(0), distribution.p_less(0)) == (1, 1)


# All


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "distribution",
    [StudentDistribution(0.3, 0.2, 4.0), share(57, 60), share(60, 60), share(0, 60), difference(12, 4, 100),
     difference(0, 0, 60), difference(0, 7, 60), difference(60, 0, 60)],
)  # fmt: skip
def test_p_is_the_level_where_the_quantile_is(distribution, level):
    quantile = distribution.quantile(level)
    if abs(quantile - distribution.mean) < 1e-9:  # an end that there can't be a value beyond
        return
    assert distribution.p_greater(quantile) == pytest.approx(level, abs=1e-6)
    assert distribution.p_less(quantile) == pytest.approx(1 - level, abs=1e-6)


@pytest.mark.parametrize("errors", [0.7, 2.5, 30.0])
@pytest.mark.parametrize(
    "distribution", [StudentDistribution(0.1, 0.02, 9.0), difference(12, 4, 100), difference(0, 0, 60)]
)
def test_a_distance_is_so_many_of_its_own_errors(distribution, errors):
    distance = distribution.distance(errors)
    assert distance > 0
    assert distance / distribution.standard_error(distance) == pytest.approx(errors)


def test_the_design_effect_is_estimated_and_where_nothing_differs_expected():
    """What is expected counts as a single clip that differs."""
    many = Sampling(0.003, 9.0, 200, 1.9)
    assert many.design_effect(0.21) == pytest.approx((0.003 + 1.9 / 200**2) / (0.21 / 200 + 1 / 200**2))
    assert Sampling(0.0, 9.0, 200, 1.9).design_effect(0.0) == pytest.approx(1.9)


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
