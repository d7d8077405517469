"""Comparison with random seeds: against Student's t, plain loops, and all orders of networks."""

from itertools import permutations, product

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.bootstrap import bootstrap
from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.seeds import gain, next_seed, rank_p_value, sampling_variance, stratified_mean

RIGHT = (np.random.default_rng(0).random(200) < 0.7).astype(float)
ALONE = np.arange(200)
#: Six groups of one to four clips; their names are in no order.
GROUPS = np.array([7, 7, 7, 3, 3, 5, 9, 9, 9, 9, 1, 1, 12])


def one(values):
    """All clips in one stratum."""
    return np.zeros(np.shape(values)[-1], dtype=int)


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


@pytest.mark.parametrize("strata", [1, 3])
@pytest.mark.parametrize("number", range(12))
def test_a_gain_is_that_of_plain_loops(number, strata):
    """Of 2 to 7 seeds and groups of unlike sizes; of accuracies, and of balanced ones where classes are strata."""
    generator = np.random.default_rng(number)
    groups = np.sort(np.concatenate([np.arange(6), generator.integers(0, 6, 24)]))
    right = networks(2 + number % 6, groups, generator, spread=1.0 if number % 2 else 0.1)
    if number % 3 == 0:
        right[0, groups < 3] = 1  # a gain that differs among groups
    of_clip = np.where(np.arange(30) < 8, 0, np.arange(30) % 3) % strata  # in several groups each, and unlike in size
    found = gain(right[0], right[1:], groups, of_clip)
    assert (found.mean, found.standard_error, found.degrees_of_freedom) == pytest.approx(
        oracles.gain(right[0].tolist(), right[1:].tolist(), groups, of_clip)
    )


def test_the_loops_have_seen_both_a_gain_that_differs_among_groups_and_one_that_does_not():
    groups = np.repeat(np.arange(20), 5)
    tables = [networks(5, groups, np.random.default_rng(number)) for number in range(20)]
    parts = [oracles.gain_parts(table[0].tolist(), table[1:].tolist(), groups, one(groups))[2] for table in tables]
    assert min(parts) < 0 < max(parts)


def test_a_gain_that_is_the_same_everywhere_has_the_prediction_interval():
    """Of each clip half the random networks are right, the trained one is on all: its gain is 1/2 on every clip."""
    pairs = [(0, 1)] * 20 + [(0, 2)] * 15 + [(1, 3)] * 10 + [(2, 3)] * 5
    random = np.array([[float(seed in pair) for pair in pairs] for seed in range(4)])
    found = gain(np.ones(50), random, np.arange(50) // 2, one(random))
    gains = [1 - accuracy for accuracy in (35 / 50, 30 / 50, 20 / 50, 15 / 50)]
    assert (found.mean, found.degrees_of_freedom) == (pytest.approx(0.5), pytest.approx(3))
    assert confidence_interval(found, 0.9)[1:] == pytest.approx(oracles.prediction(gains, 0.9))


def test_a_gain_with_no_spread_among_seeds_has_that_over_clips():
    """All seeds tell the same clips: nothing is left but how the gain differs among clips."""
    random = np.tile(RIGHT, (5, 1))
    trained = np.where(np.random.default_rng(3).random(200) < 0.2, 1 - RIGHT, RIGHT)
    found, difference = gain(trained, random, ALONE, one(ALONE)), trained - RIGHT
    assert (found.mean, found.degrees_of_freedom) == (pytest.approx(difference.mean()), pytest.approx(199))
    assert found.standard_error == pytest.approx(stats.sem(difference))


def test_a_gain_grows_less_sure_with_how_much_it_differs_among_groups():
    """The same gain of 0.3, on all clips alike or on ever fewer groups."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    random = (generator.random((5, 200)) < 0.4).astype(float)
    base = random.mean(axis=0)
    found = [
        gain(base + 0.3 * (groups < helped) * 20 / helped, random, groups, one(groups)) for helped in (20, 15, 10, 5)
    ]
    assert [gained.mean for gained in found] == pytest.approx([0.3] * 4)
    errors = [gained.standard_error for gained in found]
    assert errors[0] == pytest.approx(next_seed(random.mean(axis=1)).standard_error)
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
        found.append(gain(right[0], right[1:], groups, one(groups)))
    assert np.mean([gained.p_greater(0) <= 0.05 for gained in found]) == pytest.approx(0.045, abs=0.015)
    assert np.mean([gained.p_less(0) <= 0.05 for gained in found]) == pytest.approx(0.045, abs=0.015)


def test_two_seeds_are_enough():
    random = np.array([[1.0, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 1]])
    trained = np.array([1.0, 1, 1, 1, 1, 0])
    clips = np.arange(6)
    found = gain(trained, random, clips, one(clips))
    assert (found.mean, found.standard_error, found.degrees_of_freedom) == pytest.approx(
        oracles.gain(trained, random, clips, one(clips))
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_gain_where_nothing_varies_is_just_that(value):
    found = gain(np.ones(6), np.full((3, 6), value), np.array([0, 0, 1, 1, 2, 2]), np.zeros(6))
    assert confidence_interval(found, 0.95) == pytest.approx((1 - value,) * 3)
    assert (found.p_greater(0), found.p_less(0)) == (value, 1)
    assert found.degrees_of_freedom == 2


def test_seeds_that_happen_to_agree_leave_what_varies_over_clips():
    """Two of 15 of 30 clips each, but of others; one clip more is no certain gain."""
    clips = np.arange(30)
    trained, random = (clips < 16) * 1.0, np.stack([clips < 15, clips >= 15]) * 1.0
    found = gain(trained, random, clips, one(clips))
    difference = trained - 0.5  # every clip was told right by one of them
    assert found.standard_error == pytest.approx(difference.std(ddof=1) / np.sqrt(30))
    assert found.degrees_of_freedom == 29
    assert found.p_greater(0) == pytest.approx(stats.ttest_1samp(difference, 0, alternative="greater").pvalue)


def test_a_network_that_does_as_all_random_ones_do_gains_nothing():
    found = gain(RIGHT, np.tile(RIGHT, (7, 1)), ALONE, one(ALONE))  # whose mean rounds
    assert confidence_interval(found, 0.95) == pytest.approx((0, 0, 0), abs=1e-12)
    assert (found.p_greater(0), found.p_less(0)) == (1, 1)


@pytest.mark.parametrize("strata", [True, False])
def test_uneven_classes_keep_the_error_rate(strata):
    """150, 30 and 20 clips; 3 errors of 2,000 tables are 1.5 points."""
    generator, labels = np.random.default_rng(6), np.repeat([0, 1, 2], [150, 30, 20])
    found = []
    for _ in range(2000):
        right = networks(5, np.arange(200), generator, spread=0.2, luck=0.0)
        found.append(gain(right[0], right[1:], np.arange(200), labels if strata else one(labels)))
    assert np.mean([distribution.p_greater(0) <= 0.05 for distribution in found]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([distribution.p_less(0) <= 0.05 for distribution in found]) == pytest.approx(0.05, abs=0.015)


# Variance


def test_a_stratified_mean_is_that_of_plain_loops():
    strata = np.array([4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 9, 9, 9])
    values = np.random.default_rng(0).normal(size=(2, 3, 13))
    expected = [[oracles.stratified_mean(row.tolist(), strata) for row in rows] for rows in values]
    np.testing.assert_allclose(stratified_mean(values, strata), expected)
    np.testing.assert_allclose(stratified_mean(values, one(strata)), values.mean(axis=-1))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_the_mean_of_the_clips_that_are_right_is_accuracy_and_over_classes_balanced_accuracy(metric):
    generator = np.random.default_rng(0)
    labels, predictions = generator.choice(4, 100, p=[0.7, 0.2, 0.05, 0.05]), generator.integers(0, 4, 100)
    strata = labels if metric == "balanced_accuracy" else one(labels)
    right = (labels == predictions).astype(float)
    assert stratified_mean(right, strata) == pytest.approx(METRICS[metric](labels, predictions))


def test_variances_are_those_of_plain_loops():
    values, classes = np.random.default_rng(0).normal(size=(3, 13)), np.arange(13) % 3
    for strata in (one(classes), classes):
        expected = [oracles.variance_of_mean(row.tolist(), GROUPS, strata) for row in values]
        np.testing.assert_allclose(sampling_variance(values, GROUPS, strata), expected)


def test_with_a_group_a_clip_it_is_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(size=(3, 200))
    np.testing.assert_allclose(sampling_variance(values, ALONE[::-1], one(ALONE)), stats.sem(values, axis=1) ** 2)


def test_with_a_group_a_clip_strata_are_independent():
    """The variance of a mean of three independent means."""
    values, strata = np.random.default_rng(0).normal(size=(1, 200)), np.repeat([0, 1, 2], [150, 40, 10])
    parts = [stats.sem(values[0, strata == stratum]) ** 2 for stratum in range(3)]
    assert sampling_variance(values, ALONE, strata)[0] == pytest.approx(sum(parts) / 9)


def test_of_groups_of_one_size_it_is_the_variance_of_the_mean_of_their_means():
    values = np.random.default_rng(0).normal(size=(3, 200))
    means = values.reshape(3, 40, 5).mean(axis=2)
    np.testing.assert_allclose(sampling_variance(values, ALONE // 5, one(ALONE)), stats.sem(means, axis=1) ** 2)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_it_is_near_the_bootstraps_for_unequal_groups(metric):
    generator = np.random.default_rng(0)
    groups, labels = generator.integers(0, 60, 400), generator.choice(3, 400, p=[0.7, 0.2, 0.1])
    right = generator.random(400) < 1 / (1 + np.exp(-generator.normal(size=60)[groups] - labels))
    predictions = np.where(right, labels, (labels + 1) % 3)[np.newaxis]
    spread = bootstrap(labels, predictions, groups, METRICS, 10000, 0)[metric][0].std()
    strata = labels if metric == "balanced_accuracy" else one(labels)
    variance = sampling_variance(right[np.newaxis].astype(float), groups, strata)[0]
    assert np.sqrt(variance) == pytest.approx(spread, rel=0.06)


def test_a_class_of_one_group_adds_nothing():
    strata = np.array([0, 0, 0, 1])
    values = np.array([[1.0, 0.0, 1.0, 0.0]])
    alone = sampling_variance(values[:, :3], np.arange(3), strata[:3])[0]
    assert sampling_variance(values, np.arange(4), strata)[0] == pytest.approx(alone / 4)


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
