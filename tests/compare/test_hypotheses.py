"""Which variant is held against which, and what their difference is on drawn clips."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from probed import FEW, key, row

from trajprobe.compare.hypotheses import (
    Sample,
    baselines,
    difference_hypothesis,
    gain_hypothesis,
    main_variants,
    references,
)
from trajprobe.compare.scored import scored_variants
from trajprobe.errors import UserError

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


def test_the_sample_is_of_tested_clips():
    assert (SAMPLE.labels.tolist(), SAMPLE.group_count) == ([0, 0, 0, 0, 1, 1, 1, 2], 4)
    assert (str(SAMPLE), str(Sample.of(replace(FEW, groups=np.arange(10))))) == (
        "n = 8 clips in 4 groups",
        "n = 8 clips",
    )


def test_tested_clips_of_one_group_are_refused():
    """The clips that are only trained on may be of others."""
    one = replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 5, 6, 7]))
    with pytest.raises(UserError, match=r"all tested clips are of one group.*; give more `groups`"):
        Sample.of(one)
    assert Sample.of(replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 6, 6, 7]))).group_count == 2


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_a_gain_is_that_of_plain_loops_and_its_strata_are_the_classes_for_balanced_accuracy(metric):
    """Three clips of class 0 in two groups, five of class 1 in three."""
    labelling = replace(FEW, labels=np.array([0, 0, 0, 1, 1, 1, 1, 1, 2, 2]))
    sample = Sample.of(labelling)
    parts = row("pretrained", "net", "00011110"), row("random", "net", "00110000", "10001122", "00000011")
    trained, random = (one for part in parts for one in scored_variants(part, labelling))
    hypothesis = gain_hypothesis(trained, random, metric, sample)
    strata = sample.labels if metric == "balanced_accuracy" else np.zeros(8)
    expected = oracles.gain(trained.correct[0].tolist(), random.correct.tolist(), sample.groups, strata)
    got = hypothesis.difference
    assert (got.mean, got.standard_error, got.degrees_of_freedom) == pytest.approx(expected)
    assert hypothesis.base == pytest.approx(random.scores[metric].mean())
    assert hypothesis.sample == "n = 8 clips in 4 groups and 3 random seeds"


def test_a_difference_is_paired_on_drawn_clips():
    found = scored(row("random", "bare", "00001100", "00001110"), row("none", "pixels", "01001110"))
    draws = {BARE: np.array([[0.5, 0.9, 0.1], [0.7, 0.7, 0.3]]), PIXELS: np.array([[0.2, 0.3, 0.5]])}
    hypothesis = difference_hypothesis(found[BARE], found[PIXELS], draws, "accuracy", SAMPLE)
    assert hypothesis.difference.mean == pytest.approx((6 / 8 + 7 / 8) / 2 - 6 / 8)
    assert hypothesis.difference.draws == pytest.approx([0.2 - 0.5, 0.6 - 0.2, 0.8 - 0.3])
    assert (hypothesis.difference.groups, hypothesis.base) == (4, 6 / 8)
    assert hypothesis.sample == "n = 8 clips in 4 groups"


def test_a_perturbation_is_held_against_the_seed_that_it_is_of():
    parts = [row("random", "bare", "00001100", "00001110"), row("random", "bare", "00000000", input="middle-frame")]
    found = scored(*parts)
    draws = {BARE: np.array([[0.5, 0.9], [0.7, 0.7]]), BARE_MIDDLE: np.array([[0.25, 0.5]])}
    hypothesis = difference_hypothesis(found[BARE], found[BARE_MIDDLE], draws, "balanced_accuracy", SAMPLE)
    assert hypothesis.difference.mean == pytest.approx((1 + 2 / 3 + 0) / 3 - 1 / 3)
    assert hypothesis.difference.draws == pytest.approx([0.25, 0.4])
