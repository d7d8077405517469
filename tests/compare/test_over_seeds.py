"""What is known over random initialisations: against Student's t, plain loops, and all orders of networks."""

from itertools import permutations, product

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.intervals import gain, interval, over_seeds, rank

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)


# Over seeds


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_seeds_have_a_prediction_interval_of_student(confidence):
    values = np.array([0.61, 0.66, 0.58, 0.64, 0.7])
    found = over_seeds(values)
    assert (found.mean, found.freedom) == (pytest.approx(values.mean()), 4)
    assert interval(found, confidence)[1:] == pytest.approx(oracles.prediction(values.tolist(), confidence))


def test_the_next_seed_falls_into_it_as_often_as_it_says():
    values = np.random.default_rng(0).normal(size=(4000, 6))
    found = [interval(over_seeds(row[:5]), 0.9) for row in values]
    inside = [one.ci_low <= row[5] <= one.ci_high for one, row in zip(found, values, strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 4000))


def test_seeds_that_are_all_alike_leave_no_width():
    assert interval(over_seeds(np.full(5, 0.7)), 0.95) == pytest.approx((0.7, 0.7, 0.7))


# Gain


def networks(seeds, groups, generator, spread=0.5, luck=0.5):
    """Exchangeable networks (seeds + 1, n): 1 where the clip is told right."""
    clips, count = len(groups), len(np.unique(groups))
    logits = spread * generator.normal(size=(seeds + 1, 1)) + generator.normal(size=clips)
    logits = logits + luck * generator.normal(size=(seeds + 1, count))[:, groups]
    return (generator.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)


@pytest.mark.parametrize("number", range(12))
def test_a_gain_is_that_of_plain_loops(number):
    """Of 2 to 7 seeds and groups of unlike sizes."""
    generator = np.random.default_rng(number)
    groups = np.sort(np.concatenate([np.arange(6), generator.integers(0, 6, 24)]))
    right = networks(2 + number % 6, groups, generator, spread=1.0 if number % 2 else 0.1)
    if number % 3 == 0:
        right[0, groups < 3] = 1  # a gain that differs among groups
    found = gain(right[0], right[1:], groups)
    assert (found.mean, found.error, found.freedom) == pytest.approx(
        oracles.gain(right[0].tolist(), right[1:].tolist(), groups)
    )


def test_the_loops_have_seen_both_a_gain_that_differs_among_groups_and_one_that_does_not():
    groups = np.repeat(np.arange(20), 5)
    tables = [networks(5, groups, np.random.default_rng(number)) for number in range(20)]
    parts = [oracles.gain_parts(table[0].tolist(), table[1:].tolist(), groups)[2] for table in tables]
    assert min(parts) < 0 < max(parts)


def test_a_gain_that_is_the_same_everywhere_has_the_prediction_interval():
    """Of each clip half the random networks are right, the trained one is on all: its gain is 1/2 on every clip."""
    pairs = [(0, 1)] * 20 + [(0, 2)] * 15 + [(1, 3)] * 10 + [(2, 3)] * 5
    random = np.array([[float(seed in pair) for pair in pairs] for seed in range(4)])
    found = gain(np.ones(50), random, np.arange(50) // 2)
    gains = [1 - accuracy for accuracy in (35 / 50, 30 / 50, 20 / 50, 15 / 50)]
    assert (found.mean, found.freedom) == (pytest.approx(0.5), pytest.approx(3))
    assert interval(found, 0.9)[1:] == pytest.approx(oracles.prediction(gains, 0.9))


def test_a_gain_with_no_spread_among_seeds_has_that_over_clips():
    """All seeds tell the same clips: nothing is left but how the gain differs among clips."""
    random = np.tile(RIGHT, (5, 1))
    trained = np.where(np.random.default_rng(3).random(200) < 0.2, 1 - RIGHT, RIGHT)
    found, difference = gain(trained, random, ALONE), trained - RIGHT
    assert (found.mean, found.freedom) == (pytest.approx(difference.mean()), pytest.approx(199))
    assert found.error == pytest.approx(stats.sem(difference))


def test_a_gain_grows_less_sure_with_how_much_it_differs_among_groups():
    """The same gain of 0.3, on all clips alike or on ever fewer groups."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    random = (generator.random((5, 200)) < 0.4).astype(float)
    base = random.mean(axis=0)
    found = [gain(base + 0.3 * (groups < helped) * 20 / helped, random, groups) for helped in (20, 15, 10, 5)]
    assert [one.mean for one in found] == pytest.approx([0.3] * 4)
    errors = [one.error for one in found]
    assert errors[0] == pytest.approx(over_seeds(random.mean(axis=1)).error)
    assert (np.diff(errors) > 0.004).all()
    # Five groups of twenty gain 1.2, the others nothing: its standard error over groups, as of twenty values.
    of_groups = stats.sem([1.2] * 5 + [0.0] * 15)
    assert errors[3] < np.hypot(errors[0], of_groups)
    assert errors[3] == pytest.approx(np.hypot(errors[0], of_groups), rel=0.05)


def test_a_network_that_is_one_more_random_one_is_called_better_as_often_as_it_says():
    """3 errors of 2,000 tables are 1.5 points."""
    groups, generator = np.repeat(np.arange(30), 4), np.random.default_rng(5)
    found = []
    for _ in range(2000):
        right = networks(5, groups, generator)
        found.append(gain(right[0], right[1:], groups))
    assert np.mean([one.below(0) <= 0.05 for one in found]) == pytest.approx(0.045, abs=0.015)
    assert np.mean([one.above(0) <= 0.05 for one in found]) == pytest.approx(0.045, abs=0.015)


def test_two_seeds_are_enough():
    random = np.array([[1.0, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 1]])
    trained = np.array([1.0, 1, 1, 1, 1, 0])
    found = gain(trained, random, np.arange(6))
    assert (found.mean, found.error, found.freedom) == pytest.approx(oracles.gain(trained, random, np.arange(6)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_gain_where_nothing_varies_is_just_that(value):
    found = gain(np.ones(6), np.full((3, 6), value), np.array([0, 0, 1, 1, 2, 2]))
    assert interval(found, 0.95) == pytest.approx((1 - value,) * 3)
    assert (found.below(0), found.above(0)) == (value, 1)
    assert found.freedom == 2


def test_seeds_that_happen_to_agree_leave_what_varies_over_clips():
    """Two of 15 of 30 clips each, but of others; one clip more is no certain gain."""
    clips = np.arange(30)
    trained, random = (clips < 16) * 1.0, np.stack([clips < 15, clips >= 15]) * 1.0
    found = gain(trained, random, clips)
    difference = trained - 0.5  # every clip was told right by one of them
    assert found.error == pytest.approx(difference.std(ddof=1) / np.sqrt(30))
    assert found.freedom == 29
    assert found.below(0) == pytest.approx(stats.ttest_1samp(difference, 0, alternative="greater").pvalue)


def test_a_network_that_does_as_all_random_ones_do_gains_nothing():
    found = gain(RIGHT, np.tile(RIGHT, (7, 1)), ALONE)  # whose mean rounds
    assert interval(found, 0.95) == pytest.approx((0, 0, 0), abs=1e-12)
    assert (found.below(0), found.above(0)) == (1, 1)


# Rank


@pytest.mark.parametrize("values", [(0.5, 0.4, 0.6, 0.3), (0.7, 0.4, 0.6, 0.3), (0.1, 0.4, 0.6, 0.3)])
def test_rank_is_that_of_all_orders_of_exchangeable_networks(values):
    """p: in how many of all orders in which the networks could have come the first is as good as this one."""
    as_good = [order[0] >= values[0] for order in permutations(values)]
    assert rank(values[0], list(values[1:])) == pytest.approx(np.mean(as_good))


def test_ties_count_against_it():
    assert rank(0.5, [0.5, 0.4, 0.3]) == 2 / 4
    assert rank(0.3 + 1e-16, [0.1 + 0.2, 0.1, 0.2]) == 2 / 4  # as much, but for rounding
    assert rank(0.5, [0.5] * 19) == 1
    assert rank(0.9, [0.5] * 19) == 1 / 20


def test_whatever_the_distribution_its_p_is_right():
    """Over all outcomes of three networks of few values, p is below a level no more often than the level says."""
    found = np.array([rank(values[0], list(values[1:])) for values in product((0.0, 0.0, 0.1, 0.9), repeat=3)])
    for level in (1 / 3, 2 / 3, 1):
        assert np.mean(found <= level + 1e-9) <= level
