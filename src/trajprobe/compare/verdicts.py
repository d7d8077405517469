"""The verdict on a difference between two rows: better, worse, practically equal, or not distinguishable."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from scipy import stats

from trajprobe.compare.confidence import ConfidenceDistribution, Estimate, confidence_interval
from trajprobe.statistics.multiple_tests import holm

#: Of the test, for the smallest detectable difference.
POWER = 0.8


class Sign(IntEnum):
    """Of a verdict, for `dvc metrics diff`."""

    WORSE = -1
    NONE = 0  #: practically equal, or not distinguishable
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
    detectable_difference: float  #: the smallest that this test, alone, detects with probability `POWER`
    p_value: float  #: of the side that the difference is on, one-sided, after Holm
    sign: Sign
    practically_equal: bool  #: within the margin, whatever its sign
    words: str


def judge(family: Sequence[Hypothesis], alpha: float, margin: float, confidence: float) -> list[Verdict]:
    """Verdicts on a family of differences.

    "Better" is a one-sided test at `alpha`, and so is "worse"; "practically equal" is two of them, against the margin
    on either side (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680). Each kind of claim
    is held to `alpha` over the whole family by Holm's method.

    Args:
        family: all differences that are judged together.
        alpha: of one-sided tests.
        margin: differences within it are of no practical use.
        confidence: of the intervals.
    """
    differences = [hypothesis.difference for hypothesis in family]
    one_sided = holm([min(difference.p_greater(0), difference.p_less(0)) for difference in differences])
    equivalence = holm([max(difference.p_greater(-margin), difference.p_less(margin)) for difference in differences])
    verdicts = []
    for (difference, base, sample), p_value, p_equal in zip(family, one_sided, equivalence, strict=True):
        equal = bool(p_equal <= alpha)
        sign = Sign.NONE if equal or p_value > alpha else Sign(int(np.sign(difference.mean)))
        words = {Sign.BETTER: "better", Sign.WORSE: "worse", Sign.NONE: f"not distinguishable with {sample}"}[sign]
        estimate = confidence_interval(difference, confidence)
        quantiles = stats.t.ppf([1 - alpha, POWER], difference.degrees_of_freedom)
        verdicts.append(
            Verdict(
                difference=estimate,
                cohens_h=Estimate(*(cohens_h(base, base + value) for value in estimate)),
                detectable_difference=float(quantiles.sum() * difference.standard_error),
                p_value=float(p_value),
                sign=sign,
                practically_equal=equal,
                words="practically equal" if equal else words,
            )
        )
    return verdicts


def cohens_h(base: float, other: float) -> float:
    """Cohen's h of two shares: equal differences of it are about equally hard to see, near 0.5 and near 1.

    h = 2 arcsin sqrt(other) - 2 arcsin sqrt(base) (Cohen 1988, Statistical Power Analysis, chapter 6); 0.2 is small,
    0.5 medium, 0.8 large. Shares beyond 0 and 1, as an interval's ends may be, count as 0 and 1.
    """
    ends = np.arcsin(np.sqrt(np.clip([base, other], 0, 1)))
    return float(2 * (ends[1] - ends[0]))
