"""Intervals against the normal approximation, an enumeration of all bootstrap samples, and Student's t."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from trajprobe.statistics.intervals import Estimate, over_both, over_clips, over_seeds

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)


def interval(values, groups, draws=10000, confidence=0.95, seed=0):
    return over_clips(np.atleast_2d(values), groups, draws, confidence, seed)[0]


def width(estimate):
    return estimate.ci_high - estimate.ci_low


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_independent_clips_have_the_normal_interval(confidence):
    found = interval(RIGHT, ALONE, confidence=confidence)
    half = stats.norm.ppf((1 + confidence) / 2) * RIGHT.std() / np.sqrt(200)
    assert found.mean == pytest.approx(RIGHT.mean())
    assert found.ci_low == pytest.approx(RIGHT.mean() - half, abs=0.1 * half)
    assert found.ci_high == pytest.approx(RIGHT.mean() + half, abs=0.1 * half)


def test_the_interval_is_that_of_all_samples_of_the_groups():
    """Of 4 groups there are 4^4 samples; of unequal groups, larger ones weigh more."""
    groups, values = np.array([7, 7, 7, 3, 3, 5, 9, 9]), np.array([1.0, 0.4, 0.9, 0.1, 0.3, 0.25, 0.8, 0.6])
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    means = [values[np.concatenate([members[g] for g in drawn])].mean() for drawn in product(range(4), repeat=4)]
    low, high = np.quantile(means, [0.1, 0.9], method="inverted_cdf")
    found = interval(values, groups, draws=40000, confidence=0.8)
    assert found == pytest.approx((values.mean(), low, high), abs=0.01)


def test_copies_of_clips_in_one_group_add_no_certainty():
    times = 5
    copied, groups = np.repeat(RIGHT, times), np.repeat(ALONE, times)
    assert interval(copied, groups) == pytest.approx(interval(RIGHT, ALONE))
    ratio = width(interval(RIGHT, ALONE)) / width(interval(copied, np.arange(200 * times)))
    assert ratio == pytest.approx(np.sqrt(times), rel=0.1)


def test_it_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 3)
    covered = 0
    for seed in range(300):
        chance = generator.beta(2, 1, 40)  # a group's clips go together; their mean is 2 / 3
        values = (generator.random(120) < chance[groups]).astype(float)
        found = interval(values, groups, draws=300, confidence=0.9, seed=seed)
        covered += found.ci_low <= 2 / 3 <= found.ci_high
    assert 0.84 < covered / 300 < 0.95


def test_a_paired_difference_is_narrower():
    generator = np.random.default_rng(2)
    other = np.where(generator.random(200) < 0.1, 1 - RIGHT, RIGHT)
    one, two, difference = over_clips(np.stack([RIGHT, other, RIGHT - other]), ALONE, 10000, 0.95, 0)
    assert difference.mean == pytest.approx(one.mean - two.mean)
    half = stats.norm.ppf(0.975) * (RIGHT - other).std() / np.sqrt(200)
    assert width(difference) == pytest.approx(2 * half, rel=0.1)
    assert width(difference) < 0.7 * np.hypot(width(one), width(two))


def test_rows_are_drawn_alike_and_do_not_depend_on_each_other():
    alone = interval(RIGHT, ALONE)
    assert over_clips(np.stack([1 - RIGHT, RIGHT, RIGHT]), ALONE, 10000, 0.95, 0)[1:] == [alone, alone]


def test_draws_repeat_and_the_seed_matters():
    values = np.random.default_rng(0).normal(size=200)
    assert interval(values, ALONE, draws=1200) == interval(values, ALONE, draws=1200)
    assert interval(values, ALONE, draws=1200, seed=1) != interval(values, ALONE, draws=1200)


def test_what_never_varies_has_no_width():
    assert interval(np.ones(200), ALONE) == (1, 1, 1)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_seeds_have_a_prediction_interval_of_student(confidence):
    values = np.array([0.61, 0.66, 0.58, 0.64, 0.7])
    spread = np.sqrt(((values - values.mean()) ** 2).sum() / 4) * np.sqrt(1 + 1 / 5)
    expected = stats.t.interval(confidence, df=4, loc=values.mean(), scale=spread)
    found = over_seeds(values, confidence)
    assert found.mean == pytest.approx(values.mean())
    assert (found.ci_low, found.ci_high) == pytest.approx(expected)


def test_the_next_seed_falls_into_it_as_often_as_it_says():
    values = np.random.default_rng(0).normal(size=(4000, 6))
    found = [over_seeds(row[:5], 0.9) for row in values]
    inside = [one.ci_low <= row[5] <= one.ci_high for one, row in zip(found, values, strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 4000))


def test_both_sources_add_as_squares_on_each_side():
    clips, seeds = Estimate(0.1, 0.1 - 0.03, 0.1 + 0.05), Estimate(0.6, 0.6 - 0.12, 0.6 + 0.04)
    # The difference is low when the clips' is low, or random initialisation is better than its mean.
    assert over_both(clips, seeds) == pytest.approx((0.1, 0.1 - 0.05, 0.1 + 0.13))
