"""The verdict on a difference between two rows: better, worse, practically equal, or not distinguishable."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import brentq

from trajprobe.compare.confidence import ConfidenceDistribution, Estimate, confidence_interval
from trajprobe.statistics.multiple_tests import holm, holm_levels

#: Of the test, for the smallest detectable difference.
POWER = 0.8
#: Quantiles of a standard error that power is averaged over, and a normal value that is beyond any.
STEPS, WIDE = 1000, 8.0
#: No p-value is said to be below this: no model of scores is so exact.
SMALLEST_P = 1e-12


class Sign(IntEnum):
    """Of a verdict, for `dvc metrics diff`."""

    WORSE = -1
    NONE = 0  #: practically equal, not distinguishable, or not judged
    BETTER = 1


class Hypothesis(NamedTuple):
    """A difference that is tested."""

    difference: ConfidenceDistribution
    base: float  #: the score that it is counted from
    sample: str  #: of what it is, for the words: `n = 1,000 clips`


@dataclass(frozen=True)
class Verdict:
    """On one difference of a family."""

    difference: Estimate  #: of scores
    cohens_h: Estimate  #: of the difference
    detectable_difference: float | None  #: the smallest that `POWER` of such tests would detect in this family
    p_value: float | None  #: one-sided, of the side that the difference is on, after Holm
    sign: Sign
    practically_equal: bool  #: within the margin, whatever its sign
    words: str


def judge(
    family: Sequence[Hypothesis], alpha: float, margin: float, confidence: float, shortage: str | None = None
) -> list[Verdict]:
    """Verdicts on a family of differences.

    "Better" is a one-sided test at `alpha`, and so is "worse"; "practically equal" is two of them, against the margin
    on either side (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680). Each kind of claim
    is held to `alpha` over the whole family by Holm's method.

    Args:
        family: all differences that are judged together.
        alpha: of one-sided tests.
        margin: differences within it are of no practical use.
        confidence: of the intervals.
        shortage: what there is too little of to judge any; None where there is enough.
    """
    if shortage:
        return [_unjudged(hypothesis, confidence, shortage) for hypothesis in family]
    differences = [hypothesis.difference for hypothesis in family]
    alone = [max(SMALLEST_P, min(difference.p_greater(0), difference.p_less(0))) for difference in differences]
    one_sided, levels = holm(alone), holm_levels(alone, alpha)
    equivalence = holm([max(difference.p_greater(-margin), difference.p_less(margin)) for difference in differences])
    verdicts = []
    for (difference, base, sample), p_value, level, p_equal in zip(family, one_sided, levels, equivalence, strict=True):
        equal = bool(p_equal <= alpha)
        sign = Sign.NONE if equal or p_value > alpha else Sign(int(np.sign(difference.mean)))
        words = {Sign.BETTER: "better", Sign.WORSE: "worse", Sign.NONE: f"not distinguishable with {sample}"}[sign]
        estimate = confidence_interval(difference, confidence)
        verdicts.append(
            Verdict(
                difference=estimate,
                cohens_h=_effect(base, estimate),
                detectable_difference=detectable_difference(difference, float(level)),
                p_value=float(p_value),
                sign=sign,
                practically_equal=equal,
                words="practically equal" if equal else words,
            )
        )
    return verdicts


def detectable_difference(difference: ConfidenceDistribution, level: float) -> float:
    """The smallest difference that a one-sided t-test at `level` detects with probability `POWER`.

    With d standard errors between, t is (z + d) / s, with z normal and s^2 chi-squared over its degrees of freedom:
    power is the mean of P(z > critical s - d) over s, here over its quantiles (Cohen 1988, chapter 2). SciPy's
    noncentral t does not end for small levels.
    """
    freedom = difference.degrees_of_freedom
    shares = (np.arange(STEPS) + 0.5) / STEPS
    critical = special.stdtrit(freedom, 1 - level) * np.sqrt(2 * special.gammaincinv(freedom / 2, shares) / freedom)
    errors = brentq(lambda distance: special.ndtr(distance - critical).mean() - POWER, 0, critical.max() + WIDE)
    return difference.distance(float(errors))


def _unjudged(hypothesis: Hypothesis, confidence: float, shortage: str) -> Verdict:
    estimate = confidence_interval(hypothesis.difference, confidence)
    effect = _effect(hypothesis.base, estimate)
    return Verdict(estimate, effect, None, None, Sign.NONE, practically_equal=False, words=f"not judged, {shortage}")


def _effect(base: float, difference: Estimate) -> Estimate:
    return Estimate(*(cohens_h(base, base + value) for value in difference))


def cohens_h(base: float, other: float) -> float:
    """Cohen's h of two shares: equal differences of it are about equally hard to see, near 0.5 and near 1.

    h = 2 arcsin sqrt(other) - 2 arcsin sqrt(base) (Cohen 1988, Statistical Power Analysis, chapter 6); 0.2 is small,
    0.5 medium, 0.8 large. Shares beyond 0 and 1, as an interval's ends may be, count as 0 and 1.
    """
    ends = np.arcsin(np.sqrt(np.clip([base, other], 0, 1)))
    return float(2 * (ends[1] - ends[0]))
