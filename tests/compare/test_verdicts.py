"""Verdicts: each claim against its own test by scipy, Holm against closed testing, the detectable effect by trial."""

from math import asin, sqrt

import numpy as np
import oracles
import pytest
from scipy import stats

from trajprobe.compare.confidence import Sampling, StudentDistribution, difference_distribution
from trajprobe.compare.verdicts import SMALLEST_P, Hypothesis, Sign, Verdict, cohens_h, judge

CLIPS = "n = 200 clips"


def judged(*differences, alpha=0.05, margin=0.02, confidence=0.95, base=0.5):
    return judge([Hypothesis(one, base, CLIPS) for one in differences], alpha, margin, confidence)


def verdict(mean, error=0.01, freedom=100.0, **changed) -> Verdict:
    return judged(StudentDistribution(mean, error, freedom), **changed)[0]


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
def test_a_verdict_is_words_and_a_number(mean, error, sign, words):
    found = verdict(mean, error)
    assert (found.sign, found.words) == (sign, words)
    assert found.practically_equal == (words == "practically equal")
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
        assert verdict(sign * 0.15, 0.1, freedom).p_value == pytest.approx(stats.t.sf(1.5, freedom))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_equal_is_two_one_sided_tests_against_the_margin(sign, alpha):
    """Schuirmann's: the interval of confidence 1 - 2 alpha is within the margin."""
    bound = 0.05 - stats.t.ppf(1 - alpha, 20) * 0.01
    assert verdict(sign * bound * 0.999, 0.01, 20.0, alpha=alpha, margin=0.05).practically_equal
    assert not verdict(sign * bound * 1.001, 0.01, 20.0, alpha=alpha, margin=0.05).practically_equal


def test_holm_over_the_family_changes_a_verdict():
    clear, weak, unclear = (
        StudentDistribution(0.1, 0.01, 100.0),
        StudentDistribution(0.018, 0.01, 100.0),
        StudentDistribution(0.1, 0.1, 100.0),
    )
    assert judged(weak)[0].words == "better"
    assert [one.words for one in judged(weak, clear, clear)] == ["better"] * 3
    found = judged(weak, unclear, clear)
    assert [one.words for one in found] == [f"not distinguishable with {CLIPS}"] * 2 + ["better"]
    expected = oracles.holm([stats.t.sf(1.8, 100), stats.t.sf(1, 100), stats.t.sf(10, 100)])
    assert [one.p_value for one in found] == pytest.approx(expected, abs=1e-11)


def test_holm_over_the_family_changes_what_is_equal():
    near, wide = StudentDistribution(0.0, 0.011, 100.0), StudentDistribution(0.0, 0.1, 100.0)
    assert judged(near)[0].practically_equal
    assert [one.practically_equal for one in judged(near, StudentDistribution(0.0, 0.001, 100.0))] == [True, True]
    assert [one.practically_equal for one in judged(near, wide)] == [False, False]


def test_each_kind_of_claim_is_a_family():
    """What is hard to call better takes nothing from what is called practically equal, nor the other way round."""
    weak, equal = StudentDistribution(0.018, 0.01, 100.0), StudentDistribution(0.0, 0.001, 100.0)
    found = judged(weak, equal)
    assert [one.words for one in found] == [f"not distinguishable with {CLIPS}", "practically equal"]
    assert [one.p_value for one in found] == pytest.approx(oracles.holm([stats.t.sf(1.8, 100), 0.5]))
    exact = StudentDistribution(0.03, 0.001, 100.0)
    assert [one.words for one in judged(exact, equal)] == ["better", "practically equal"]
    assert [one.p_value for one in judged(equal, equal)] == [1, 1]


def test_no_family_has_no_verdicts():
    assert judge([], 0.05, 0.02, 0.95) == []


def test_the_difference_and_its_effect_have_intervals():
    found = judge([Hypothesis(StudentDistribution(0.1, 0.02, 10.0), 0.7, CLIPS)], 0.05, 0.02, 0.9)[0]
    low, high = stats.t.interval(0.9, 10, 0.1, 0.02)
    assert found.difference == pytest.approx((0.1, low, high))
    h = [2 * asin(sqrt(0.7 + value)) - 2 * asin(sqrt(0.7)) for value in (0.1, low, high)]
    assert found.cohens_h == pytest.approx(h)


def test_cohens_h_is_its_formula_and_beyond_the_ends_that_of_the_ends():
    for base, other in ((0.5, 0.7), (0.9, 0.95), (0.0, 1.0), (0.6, 0.2)):
        assert cohens_h(base, other) == pytest.approx(2 * asin(sqrt(other)) - 2 * asin(sqrt(base)))
    assert cohens_h(0.5, 1.3) == pytest.approx(3.141592653589793 / 2)
    assert cohens_h(0.5, -0.2) == pytest.approx(-3.141592653589793 / 2)
    assert cohens_h(0.3, 0.3) == 0
    # Small, medium and large are 0.2, 0.5 and 0.8; Cohen's table of phi = 2 arcsin sqrt(P) gives 0.927 and 1.571.
    assert cohens_h(0.2, 0.5) == pytest.approx(1.571 - 0.927, abs=1e-3)


@pytest.mark.parametrize("freedom", [1.0, 3.7, 1e5])
def test_the_detectable_difference_of_the_smallest_level_is_one_too(freedom):
    found = verdict(0.0, 0.03, freedom, alpha=1e-6).detectable_difference
    # For one degree the t of a level is about 1 / (pi level); a fifth of the standard errors is above 1.28.
    assert stats.t.ppf(1 - 1e-6, freedom) < found / 0.03 < 1.6 * stats.t.ppf(1 - 1e-6, freedom)


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("freedom", [1.0, 4.0, 50.0])
def test_the_detectable_difference_is_found_four_times_of_five(freedom, alpha):
    """The power of a t test is a tail of the noncentral t, whose noncentrality is the difference in standard errors."""
    found = verdict(0.0, 0.03, freedom, alpha=alpha).detectable_difference
    power = stats.nct.sf(stats.t.ppf(1 - alpha, freedom), freedom, found / 0.03)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_the_detectable_difference_is_that_after_the_familys_correction():
    """Beside ten of which nothing is known a test is at 5 % / 11, beside ten that are clear at 5 %."""
    one, clear = StudentDistribution(0.0, 0.03, 50.0), StudentDistribution(0.5, 0.03, 50.0)
    for others, level in (([one] * 10, 0.05 / 11), ([clear] * 10, 0.05), ([clear] * 4 + [one] * 6, 0.05 / 7)):
        found = judged(one, *others)[0].detectable_difference
        power = stats.nct.sf(stats.t.ppf(1 - level, 50), 50, found / 0.03)
        assert power == pytest.approx(0.8, abs=1e-3)


def test_the_detectable_difference_is_found_by_trial_in_a_table_of_eleven():
    """200 tables of 200 clips: first without differences, then one row is ahead by what was said to be detectable."""
    generator = np.random.default_rng(0)

    def tables(ahead):
        shares = np.array([0.5 + ahead, *[0.5] * 10])
        for _ in range(200):
            # The first of each pair alone is right on a fifth of the clips, and so is the second one.
            draws = generator.multinomial(200, np.stack([shares * 0.4, (1 - shares) * 0.4, np.full(11, 0.6)]).T)
            counts = draws[:, :2] / 200
            yield judged(
                *(
                    difference_distribution(
                        better, worse, Sampling((better + worse - (better - worse) ** 2) / 200, 199.0, 200, 1.0)
                    )
                    for better, worse in counts
                )
            )

    detectable = np.mean([verdicts[0].detectable_difference for verdicts in tables(0)])
    signs = [verdicts[0].sign for verdicts in tables(detectable / 0.8)]  # 0.4 (2 x share - 1) is the difference
    assert np.mean(np.array(signs) == Sign.BETTER) == pytest.approx(0.8, abs=0.09)


def test_two_that_never_differ_have_a_detectable_difference_all_the_same():
    same = difference_distribution(0.0, 0.0, Sampling(0.0, 199.0, 200, 1.0))
    found = judged(same)[0]
    assert found.words == "practically equal"
    errors = stats.t.ppf(0.95, 199) + stats.t.ppf(0.8, 199)
    assert found.detectable_difference == pytest.approx(errors**2 / (200 + errors**2), rel=0.01)


def test_a_p_is_never_nothing():
    assert verdict(1.0, 1e-6).p_value == SMALLEST_P > 0
    assert [one.p_value for one in judged(*[StudentDistribution(1.0, 0.0, 9.0)] * 3)] == [3 * SMALLEST_P] * 3


def test_where_there_is_too_little_nothing_is_judged():
    """However clear, or equal, the differences are; their intervals stay."""
    family = [Hypothesis(StudentDistribution(mean, 0.001, 50.0), 0.5, CLIPS) for mean in (0.3, 0.0)]
    found, judged_ones = judge(family, 0.05, 0.02, 0.95, "too few groups"), judge(family, 0.05, 0.02, 0.95)
    assert [one.words for one in found] == ["not judged, too few groups"] * 2
    assert [(one.sign, one.practically_equal, one.p_value, one.detectable_difference) for one in found] == [
        (0, False, None, None)
    ] * 2
    assert [one.difference for one in found] == [one.difference for one in judged_ones]
    assert [one.cohens_h for one in found] == [one.cohens_h for one in judged_ones]
