"""Verdicts: each claim against its own test by scipy, Holm against closed testing, the detectable effect by trial."""

from math import asin, sqrt

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.intervals import Student, over_clips
from trajprobe.compare.verdicts import Sign, Verdict, cohen, judge

CLIPS = "n = 200 clips"


def judged(*known, alpha=0.05, margin=0.02, confidence=0.95, base=0.5):
    return judge([(one, base, CLIPS) for one in known], alpha, margin, confidence)


def verdict(mean, error=0.01, freedom=100.0, **changed) -> Verdict:
    return judged(Student(mean, error, freedom), **changed)[0]


@pytest.mark.parametrize(
    ("mean", "error", "sign", "words"),
    [
        (0.1, 0.01, 1, "better"),
        (-0.1, 0.01, -1, "worse"),
        (0.1, 0.1, 0, "not distinguishable with n = 200 clips"),
        (-0.1, 0.1, 0, "not distinguishable with n = 200 clips"),
        (0.0, 0.1, 0, "not distinguishable with n = 200 clips"),
        (0.0, 0.01, 0, "practically equal"),
        (0.01, 0.005, 0, "practically equal"),  # and more than 0 for sure
        (-0.01, 0.005, 0, "practically equal"),
        (0.0, 0.0, 0, "practically equal"),
        (0.0, 0.013, 0, "not distinguishable with n = 200 clips"),
        (0.019, 0.005, 1, "better"),  # by too little to care, it may be, or by more
    ],
)
def test_a_difference_is_told_in_words_and_as_a_number(mean, error, sign, words):
    found = verdict(mean, error)
    assert (found.sign, found.words) == (sign, words)
    assert found.equal == (words == "practically equal")
    assert int(found.sign) == sign


def test_signs_are_numbers():
    assert [int(sign) for sign in (Sign.WORSE, Sign.NONE, Sign.BETTER)] == [-1, 0, 1]


@pytest.mark.parametrize("freedom", [4.0, 30.0])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_better_and_worse_are_one_sided_tests_at_alpha(freedom, alpha):
    bound = stats.t.ppf(1 - alpha, freedom) * 0.1
    for sign in (1, -1):
        assert verdict(sign * bound * 1.001, 0.1, freedom, alpha=alpha).sign == sign
        assert verdict(sign * bound * 0.999, 0.1, freedom, alpha=alpha).sign == 0
        assert verdict(sign * 0.15, 0.1, freedom).p == pytest.approx(stats.t.sf(1.5, freedom))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_equal_is_two_one_sided_tests_against_the_margin(sign, alpha):
    """Schuirmann's: the interval of confidence 1 - 2 alpha is within the margin."""
    bound = 0.05 - stats.t.ppf(1 - alpha, 20) * 0.01
    assert verdict(sign * bound * 0.999, 0.01, 20.0, alpha=alpha, margin=0.05).equal
    assert not verdict(sign * bound * 1.001, 0.01, 20.0, alpha=alpha, margin=0.05).equal


def test_holm_over_the_family_changes_a_verdict():
    clear, weak, unclear = Student(0.1, 0.01, 100.0), Student(0.018, 0.01, 100.0), Student(0.1, 0.1, 100.0)
    assert judged(weak)[0].words == "better"
    assert [one.words for one in judged(weak, clear, clear)] == ["better"] * 3
    found = judged(weak, unclear, clear)
    assert [one.words for one in found] == [f"not distinguishable with {CLIPS}"] * 2 + ["better"]
    expected = oracles.holm([stats.t.sf(1.8, 100), stats.t.sf(1, 100), stats.t.sf(10, 100)])
    assert [one.p for one in found] == pytest.approx(expected)


def test_holm_over_the_family_changes_what_is_equal():
    near, wide = Student(0.0, 0.011, 100.0), Student(0.0, 0.1, 100.0)
    assert judged(near)[0].equal
    assert [one.equal for one in judged(near, Student(0.0, 0.001, 100.0))] == [True, True]
    assert [one.equal for one in judged(near, wide)] == [False, False]


def test_each_kind_of_claim_is_a_family():
    """What is hard to call better takes nothing from what is called practically equal, nor the other way round."""
    weak, equal = Student(0.018, 0.01, 100.0), Student(0.0, 0.001, 100.0)
    found = judged(weak, equal)
    assert [one.words for one in found] == [f"not distinguishable with {CLIPS}", "practically equal"]
    assert [one.p for one in found] == pytest.approx(oracles.holm([stats.t.sf(1.8, 100), 0.5]))
    exact = Student(0.03, 0.001, 100.0)
    assert [one.words for one in judged(exact, equal)] == ["better", "practically equal"]
    assert [one.p for one in judged(equal, equal)] == [1, 1]


def test_no_family_has_no_verdicts():
    assert judge([], 0.05, 0.02, 0.95) == []


def test_the_difference_and_its_effect_have_intervals():
    found = judge([(Student(0.1, 0.02, 10.0), 0.7, CLIPS)], 0.05, 0.02, 0.9)[0]
    low, high = stats.t.interval(0.9, 10, 0.1, 0.02)
    assert found.difference == pytest.approx((0.1, low, high))
    h = [2 * asin(sqrt(0.7 + value)) - 2 * asin(sqrt(0.7)) for value in (0.1, low, high)]
    assert found.effect == pytest.approx(h)


def test_cohens_h_is_its_formula_and_beyond_the_ends_that_of_the_ends():
    for base, other in ((0.5, 0.7), (0.9, 0.95), (0.0, 1.0), (0.6, 0.2)):
        assert cohen(base, other) == pytest.approx(2 * asin(sqrt(other)) - 2 * asin(sqrt(base)))
    assert cohen(0.5, 1.3) == pytest.approx(3.141592653589793 / 2)
    assert cohen(0.5, -0.2) == pytest.approx(-3.141592653589793 / 2)
    assert cohen(0.3, 0.3) == 0
    # Small, medium and large are 0.2, 0.5 and 0.8; Cohen's table of phi = 2 arcsin sqrt(P) gives 0.927 and 1.571.
    assert cohen(0.2, 0.5) == pytest.approx(1.571 - 0.927, abs=1e-3)


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("freedom", [8.0, 50.0])
def test_the_detectable_difference_is_found_four_times_of_five(freedom, alpha):
    """The power of a t test is a tail of the noncentral t, whose noncentrality is the difference in standard errors."""
    found = verdict(0.0, 0.03, freedom, alpha=alpha).detectable
    power = stats.nct.sf(stats.t.ppf(1 - alpha, freedom), freedom, found / 0.03)
    assert power == pytest.approx(0.8, abs=0.03)


def test_the_detectable_difference_is_found_by_trial():
    """2,000 data sets of 100 clips: first without a difference, then with that which was said to be found."""
    noise = np.random.default_rng(0).normal(size=(2000, 100))
    without = [
        verdict.detectable for known in over_clips(noise[:200], np.arange(100), 1000, 0) for verdict in judged(known)
    ]
    effect = float(np.mean(without))
    signs = [judged(known)[0].sign for known in over_clips(noise + effect, np.arange(100), 1000, 0)]
    assert np.mean(np.array(signs) == Sign.BETTER) == pytest.approx(0.8, abs=0.03)
