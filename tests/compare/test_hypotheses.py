"""Which variant is held against which, and how their difference varies."""

import numpy as np
import oracles
import pytest
from probed import FEW, key, row
from scipy import stats

from trajprobe.compare.hypotheses import baselines, difference_hypothesis, main_variants, references
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import scored_variants

NET, NET_RANDOM, MIDDLE = key("pretrained", "net"), key("random", "net"), key("pretrained", "net", "middle-frame")
PERMUTED, BARE, BARE_MIDDLE = (
    key("permuted-weights", "net"),
    key("random", "bare"),
    key("random", "bare", "middle-frame"),
)
PIXELS, LIKE = key("none", "pixels"), key("pretrained", "net-shuffled")
#: In no order.
ALL = [MIDDLE, PERMUTED, NET_RANDOM, NET, BARE_MIDDLE, BARE, PIXELS, LIKE]
SAMPLE = Sample.of(FEW)


def scored(*parts):
    return {one.variant: one for part in parts for one in scored_variants(part, FEW)}


def test_a_row_is_stood_for_by_its_pretrained_network_where_it_has_one():
    assert main_variants(ALL) == {"net": NET, "bare": BARE, "pixels": PIXELS, "net-shuffled": LIKE}
    assert main_variants(ALL[::-1]) == main_variants(ALL)


def test_a_gain_is_over_the_rows_own_random_networks_of_the_same_layer():
    assert baselines(ALL) == {NET: NET_RANDOM}
    assert baselines([NET, NET_RANDOM._replace(layer="codes.tmean")]) == {}


def test_rows_are_held_against_the_row_that_they_name_and_perturbations_against_their_own():
    against = {"bare": "net", "pixels": "bare", "net-shuffled": "net"}
    assert references(ALL, against) == {
        MIDDLE: NET,
        PERMUTED: NET,
        BARE_MIDDLE: BARE,
        BARE: NET,
        PIXELS: BARE,
        LIKE: NET,
    }


def numbers(hypothesis):
    found = hypothesis.difference
    return found.mean, found.error, found.degrees_of_freedom


def test_a_gain_is_over_a_further_random_network():
    parts = scored(row("pretrained", "net", "00011110"), row("random", "net", "00110000", "10001122", "00000011"))
    trained, random = parts[NET], parts[NET_RANDOM]
    hypothesis = difference_hypothesis(trained, random, "accuracy", SAMPLE)
    expected = oracles.gain(trained.correct[0].tolist(), random.correct.tolist(), SAMPLE.groups.tolist())
    assert numbers(hypothesis) == pytest.approx(expected)
    assert hypothesis.base == pytest.approx(random.correct.mean())
    assert hypothesis.sample == "n = 8 clips in 4 groups and 3 random seeds"


def test_a_gain_in_balanced_accuracy_is_one_of_recalls():
    parts = scored(row("pretrained", "net", "00011110"), row("random", "net", "00110000", "10001122", "00000011"))
    hypothesis = difference_hypothesis(parts[NET], parts[NET_RANDOM], "balanced_accuracy", SAMPLE)
    # Recalls of the three classes: 3/4, 1, 0; of the seeds 1/2, 0, 0; 3/4, 2/3, 1; 1, 1/3, 0.
    assert hypothesis.base == pytest.approx((1 / 2 + 3 / 4 + 2 / 3 + 1 + 1 + 1 / 3) / 9)
    assert hypothesis.difference.mean == pytest.approx(7 / 4 / 3 - hypothesis.base)


@pytest.mark.parametrize("turned", [False, True])
def test_against_random_networks_seeds_are_a_sample_whichever_side_they_are_on(turned):
    """Of a control as of a pretrained network of another row."""
    for fixed in (row("none", "pixels", "01001110"), row("pretrained", "net", "01001110")):
        (one, random) = scored(fixed, row("random", "bare", "00001100", "00001110", "00110000")).values()
        pair = (random, one) if turned else (one, random)
        hypothesis = difference_hypothesis(*pair, "accuracy", SAMPLE)
        mean, *rest = oracles.gain(one.correct[0].tolist(), random.correct.tolist(), SAMPLE.groups.tolist())
        assert numbers(hypothesis) == pytest.approx((-mean if turned else mean, *rest))
        assert hypothesis.base == pytest.approx(pair[1].correct.mean())
        assert hypothesis.sample == "n = 8 clips in 4 groups and 3 random seeds"


def test_random_against_random_both_rows_seeds_are_samples():
    first, second = scored(
        row("random", "net", "00110000", "10001122", "00000011"), row("random", "bare", "00001100", "00001110")
    ).values()
    hypothesis = difference_hypothesis(first, second, "accuracy", SAMPLE)
    expected = oracles.mean_difference(first.correct.tolist(), second.correct.tolist(), SAMPLE.groups.tolist())
    assert numbers(hypothesis) == pytest.approx(expected)
    assert hypothesis.base == pytest.approx(second.correct.mean())
    assert hypothesis.sample == "n = 8 clips in 4 groups and 3 and 2 random seeds"


def test_networks_that_are_no_draws_are_paired_by_clips():
    """On class 0 the first is right alone once, on class 1 the second is."""
    found = scored(row("pretrained", "net", "00001010"), row("none", "pixels", "01001110"))
    hypothesis = difference_hypothesis(found[NET], found[PIXELS], "accuracy", SAMPLE)
    variance = oracles.variance_of_mean([0, 1, 0, 0, 0, -1, 0, 0], SAMPLE.groups.tolist())[0]
    effect = (variance + 1.1 / 64) / (2 / 8 / 8 + 1 / 64)  # groups of two: 1 + 0.1
    assert hypothesis.difference.mean == 0
    assert hypothesis.difference.degrees_of_freedom == pytest.approx(3)
    for null in (-0.1, 0.2):
        statistic = oracles.paired_score(1, 1, 8, null) / np.sqrt(effect)
        assert hypothesis.difference.p_greater(null) == pytest.approx(stats.t.sf(statistic, 3), abs=1e-6)
    assert (hypothesis.base, hypothesis.sample) == (6 / 8, "n = 8 clips in 4 groups")
    balanced = difference_hypothesis(found[NET], found[PIXELS], "balanced_accuracy", SAMPLE).difference
    assert balanced.mean == pytest.approx((1 / 4 - 1 / 3) / 3)


def test_a_perturbation_is_held_against_the_seed_that_it_is_of():
    parts = [row("random", "bare", "00001100", "00001110"), row("random", "bare", "00000000", input="middle-frame")]
    found = scored(*parts)
    hypothesis = difference_hypothesis(found[BARE], found[BARE_MIDDLE], "balanced_accuracy", SAMPLE)
    assert hypothesis.difference.mean == pytest.approx((1 + 2 / 3 + 0) / 3 - 1 / 3)
    assert hypothesis.sample == "n = 8 clips in 4 groups"
