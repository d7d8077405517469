"""Holm's method by hand, by closed testing, and step by step."""

from itertools import combinations

import numpy as np
import pytest

from trajprobe.statistics.multiple_tests import holm, holm_levels


def test_holm_by_hand():
    # In order 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, of which the last must not fall below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1, 1]
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []


@pytest.mark.parametrize("number", range(20))
def test_holm_is_closed_testing(number):
    """A hypothesis falls where every set with it falls by Bonferroni's method."""
    generator = np.random.default_rng(number)
    p = (generator.random(1 + number % 6) ** 3).round(2)  # with ties
    sets = [list(one) for size in range(1, len(p) + 1) for one in combinations(range(len(p)), size)]
    expected = [max(min(1, min(p[one]) * len(one)) for one in sets if index in one) for index in range(len(p))]
    assert holm(p) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_stepwise_procedure(seed):
    """At any level, those corrected p below it are those that Holm's procedure rejects, step by step."""
    p = np.random.default_rng(seed).uniform(0, 0.2, 8) ** 2
    corrected = holm(p)
    for level in np.linspace(0.0003, 0.5, 200):
        rejected, left = set(), sorted(range(8), key=lambda i: p[i])
        while left and p[left[0]] * len(left) < level:
            rejected.add(left.pop(0))
        assert {i for i in range(8) if corrected[i] < level} == rejected


@pytest.mark.parametrize("seed", range(8))
def test_a_level_is_the_largest_p_that_holm_rejects_as_the_others_are(seed):
    """Found by halving, for each p in turn."""
    p = np.random.default_rng(seed).uniform(0, 0.4, 6) ** 2
    for place, level in enumerate(holm_levels(p, 0.05)):
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            rejected = holm([*p[:place], middle, *p[place + 1 :]])[place] <= 0.05
            low, high = (middle, high) if rejected else (low, middle)
        assert level == pytest.approx(low)


def test_levels_at_their_ends():
    assert holm_levels([0.9] * 4, 0.05) == pytest.approx([0.05 / 4] * 4)
    assert holm_levels([1e-9] * 4, 0.05) == pytest.approx([0.05] * 4)
    assert holm_levels([0.2], 0.05) == pytest.approx([0.05])
    assert holm_levels([], 0.05).tolist() == []
