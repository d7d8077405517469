"""Comparison with random seeds: against Student's t, plain loops, and all orders of networks."""

from itertools import permutations, product

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.sample import ClipWeights, Scores
from trajprobe.compare.seeds import Term, contrast, further_network, next_seed, rank_p_value

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)


def accuracies(correct, groups):
    """Scores of networks that are correct on these clips (s n)."""
    correct, of_group = np.atleast_2d(correct).astype(float), np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(of_group, weights=one) for one in correct])
    left_out = (correct.sum(axis=1, keepdims=True) - sums) / (len(of_group) - np.bincount(of_group))
    return Scores(correct.mean(axis=1), left_out, correct)


def weights(groups):
    return ClipWeights(np.full(len(groups), 1 / len(groups)), np.unique(groups, return_inverse=True)[1])


def gained(trained, random, groups):
    """Over a further random network."""
    terms = [Term(1, accuracies(trained, groups)), Term(-1, accuracies(random, groups), further=True)]
    return contrast(terms, weights(groups))


def mean_difference(first, second, groups):
    return contrast([Term(1, accuracies(first, groups)), Term(-1, accuracies(second, groups))], weights(groups))


def numbers(distribution):
    return distribution.mean, distribution.error, distribution.degrees_of_freedom


# A further seed


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_seeds_have_a_prediction_interval_of_student(confidence):
    values = np.array([0.61, 0.66, 0.58, 0.64, 0.7])
    found = next_seed(values)
    assert (found.mean, found.degrees_of_freedom) == (pytest.approx(values.mean()), 4)
    assert confidence_interval(found, confidence)[1:] == pytest.approx(oracles.prediction(values.tolist(), confidence))


def test_the_next_seed_falls_into_it_as_often_as_it_says():
    values = np.random.default_rng(0).normal(size=(4000, 6))
    found = [confidence_interval(next_seed(row[:5]), 0.9) for row in values]
    inside = [estimate.ci_low <= row[5] <= estimate.ci_high for estimate, row in zip(found, values, strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 4000))


def test_seeds_that_are_all_alike_leave_no_width():
    assert confidence_interval(next_seed(np.full(5, 0.7)), 0.95) == pytest.approx((0.7, 0.7, 0.7))


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
    expected = oracles.gain(right[0].tolist(), right[1:].tolist(), groups.tolist())
    assert numbers(gained(right[0], right[1:], groups)) == pytest.approx(expected)


def test_the_loops_have_seen_both_a_gain_that_differs_among_groups_and_one_that_does_not():
    groups = np.repeat(np.arange(20), 5)
    parts = []
    for number in range(20):
        table = networks(5, groups, np.random.default_rng(number))
        values = (table[0] - table[1:].mean(axis=0)).tolist()
        parts.append(oracles.over_seeds_and_clips(values, groups.tolist(), [(table[1:].tolist(), 1.2)])[0][-1])
    assert min(parts) < 0 < max(parts)


def test_a_gain_that_is_the_same_everywhere_has_the_prediction_interval():
    """Of each clip half the random networks are right, the trained one is on all: its gain is 1/2 on every clip."""
    pairs = [(0, 1)] * 20 + [(0, 2)] * 15 + [(1, 3)] * 10 + [(2, 3)] * 5
    random = np.array([[float(seed in pair) for pair in pairs] for seed in range(4)])
    found = gained(np.ones(50), random, np.arange(50) // 2)
    gains = [1 - accuracy for accuracy in (35 / 50, 30 / 50, 20 / 50, 15 / 50)]
    assert (found.mean, found.degrees_of_freedom) == (pytest.approx(0.5), pytest.approx(3))
    assert confidence_interval(found, 0.9)[1:] == pytest.approx(oracles.prediction(gains, 0.9))


def test_seeds_that_are_all_alike_vary_by_a_clip_at_least():
    """All seeds are right on the same clips: what is left is how the gain differs among clips, and a clip for them."""
    random = np.tile(RIGHT, (5, 1))
    trained = np.where(np.random.default_rng(3).random(200) < 0.2, 1 - RIGHT, RIGHT)
    found, difference = gained(trained, random, ALONE), trained - RIGHT
    parts, freedoms = np.array([1.2 / 200**2, stats.sem(difference) ** 2]), np.array([4, 199])
    assert numbers(found) == pytest.approx(
        (difference.mean(), np.sqrt(parts.sum()), parts.sum() ** 2 / (parts**2 / freedoms).sum())
    )


def test_a_gain_grows_less_sure_with_how_much_it_differs_among_groups():
    """The same gain of 0.3, on all clips alike or on ever fewer groups."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    random = (generator.random((5, 200)) < 0.4).astype(float)
    base = random.mean(axis=0)
    found = [gained(base + 0.3 * (groups < helped) * 20 / helped, random, groups) for helped in (20, 15, 10, 5)]
    assert [one.mean for one in found] == pytest.approx([0.3] * 4)
    errors = [one.error for one in found]
    assert errors[0] == pytest.approx(next_seed(random.mean(axis=1)).error)
    assert (np.diff(errors) > 0.004).all()
    # Five groups of twenty gain 1.2, the others nothing: its standard error over groups, as of twenty values.
    of_groups = stats.sem([1.2] * 5 + [0.0] * 15)
    assert errors[3] < np.hypot(errors[0], of_groups)
    assert errors[3] == pytest.approx(np.hypot(errors[0], of_groups), rel=0.05)


@pytest.mark.parametrize(
    "sizes", [[4] * 30, [128, 81, 51, 32, 20, 13, 8, 5, 3, 2]], ids=["even groups", "uneven groups"]
)
def test_a_network_that_is_one_more_random_one_is_called_better_as_often_as_it_says(sizes):
    """3 errors of 1,000 tables are 2.1 points."""
    groups, generator = np.repeat(np.arange(len(sizes)), sizes), np.random.default_rng(5)
    found = []
    for _ in range(1000):
        right = networks(5, groups, generator)
        found.append(gained(right[0], right[1:], groups))
    assert np.mean([one.p_greater(0) <= 0.05 for one in found]) == pytest.approx(0.05, abs=0.021)
    assert np.mean([one.p_less(0) <= 0.05 for one in found]) == pytest.approx(0.05, abs=0.021)


def test_two_seeds_are_enough():
    random = [[1.0, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 1]]
    trained = [1.0, 1, 1, 1, 1, 0]
    assert numbers(gained(trained, random, np.arange(6))) == pytest.approx(oracles.gain(trained, random, range(6)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_gain_where_nothing_varies_is_uncertain_by_a_clip(value):
    found = gained(np.ones(6), np.full((3, 6), value), np.array([0, 0, 1, 1, 2, 2]))
    assert numbers(found) == pytest.approx((1 - value, np.sqrt(4 / 3) / 6, 2))


def test_seeds_that_happen_to_tie_say_nothing_of_their_spread():
    """Two of 15 of 30 clips each, but of others; one clip more is no certain gain."""
    clips = np.arange(30)
    trained, random = (clips < 16) * 1.0, np.stack([clips < 15, clips >= 15]) * 1.0
    found = gained(trained, random, clips)
    luck = 2 * stats.sem(random[0]) ** 2  # of a network on these clips
    assert numbers(found) == pytest.approx((1 / 30, np.sqrt(1.5 * luck), 1))


# Random networks of two kinds


@pytest.mark.parametrize("number", range(6))
def test_a_mean_difference_is_that_of_plain_loops(number):
    generator = np.random.default_rng(number)
    groups = np.sort(np.concatenate([np.arange(6), generator.integers(0, 6, 24)]))
    right = networks(7, groups, generator)
    first, second = right[: 2 + number % 3], right[2 + number % 3 :]
    found = mean_difference(first, second, groups)
    expected = oracles.mean_difference(first.tolist(), second.tolist(), groups.tolist())
    assert numbers(found) == pytest.approx(expected)


def test_a_mean_difference_that_is_the_same_on_all_clips_is_welchs():
    """The clips that the second kind is right on are among those of the first: what varies is seeds alone."""
    clips = np.arange(1000)
    first, second = ([clips < count for count in counts] for counts in ((600, 640, 560, 620), (400, 420, 300)))
    found = mean_difference(first, second, clips)
    test = stats.ttest_ind([0.6, 0.64, 0.56, 0.62], [0.4, 0.42, 0.3], equal_var=False)
    assert found.mean == pytest.approx(0.605 - 1.12 / 3)
    # What the difference varies over clips beyond that is small, but not nothing.
    assert found.error == pytest.approx(found.mean / test.statistic, rel=0.15)


def test_two_kinds_that_are_equal_in_truth_are_called_better_as_often_as_it_says():
    """Fixed networks would be called so in a third of the tables; 3 errors of 1,000 tables are 2.1 points."""
    generator, clips = np.random.default_rng(5), np.arange(200)
    found = []
    for _ in range(1000):
        right = networks(9, clips, generator, spread=0.3)
        found.append(mean_difference(right[:5], right[5:], clips))
    for p_values in ([one.p_greater(0) for one in found], [one.p_less(0) for one in found]):
        assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.021)


# A further network on clips like these


@pytest.mark.parametrize("seeds", [2, 5])
def test_a_further_network_is_expected_where_wilsons_interval_has_the_variance_over_seeds_and_clips(seeds):
    groups = np.repeat(np.arange(12), 5)
    right = networks(seeds - 1, groups, np.random.default_rng(2))
    found = further_network(accuracies(right, groups), weights(groups), (0.0, 1.0))
    mean, error, freedom = oracles.student(
        right.mean(axis=0).tolist(), groups.tolist(), [(right.tolist(), 1 + 1 / seeds)]
    )
    single = 1 / 60**2
    effect = (error**2 + single * 1.4) / (mean * (1 - mean) / 60 + single)  # groups of five: 1 + 0.1 x 4
    expected = oracles.wilson(mean, 60 / effect, freedom, 0.9)
    assert confidence_interval(found, 0.9) == pytest.approx((mean, *expected), abs=1e-9)


def test_random_networks_that_are_all_right_are_no_certainty():
    found = further_network(accuracies(np.ones((5, 60)), ALONE[:60]), weights(ALONE[:60]), (0.0, 1.0))
    low, high = confidence_interval(found, 0.95)[1:]
    assert (low < 0.93, high) == (True, 1)


# Rank


@pytest.mark.parametrize("values", [(0.5, 0.4, 0.6, 0.3), (0.7, 0.4, 0.6, 0.3), (0.1, 0.4, 0.6, 0.3)])
def test_rank_is_that_of_all_orders_of_exchangeable_networks(values):
    """p: in how many of all orders in which the networks could have come the first is as good as this one."""
    as_good = [order[0] >= values[0] for order in permutations(values)]
    assert rank_p_value(values[0], list(values[1:])) == pytest.approx(np.mean(as_good))


def test_ties_count_against_it():
    assert rank_p_value(0.5, [0.5, 0.4, 0.3]) == 2 / 4
    assert rank_p_value(0.3 + 1e-16, [0.1 + 0.2, 0.1, 0.2]) == 2 / 4  # as much, but for rounding
    assert rank_p_value(0.5, [0.5] * 19) == 1
    assert rank_p_value(0.9, [0.5] * 19) == 1 / 20


def test_whatever_the_distribution_its_p_is_right():
    """Over all outcomes of three networks of few values, p is below a level no more often than the level says."""
    found = np.array([rank_p_value(values[0], list(values[1:])) for values in product((0.0, 0.0, 0.1, 0.9), repeat=3)])
    for level in (1 / 3, 2 / 3, 1):
        assert np.mean(found <= level + 1e-9) <= level
