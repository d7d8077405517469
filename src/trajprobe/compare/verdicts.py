"""What is said of a difference between two rows: better, worse, practically equal, or not distinguishable."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy import stats

from trajprobe.compare.intervals import Estimate, Known, interval
from trajprobe.statistics.multiple_tests import holm

#: How surely the minimum detectable effect is found.
POWER = 0.8


class Sign(IntEnum):
    """Of a verdict, for `dvc metrics diff`."""

    WORSE = -1
    NONE = 0  #: practically equal, or not distinguishable
    BETTER = 1


@dataclass(frozen=True)
class Verdict:
    """On one difference of a family."""

    difference: Estimate  #: of accuracies
    effect: Estimate  #: the same as Cohen's h
    detectable: float  #: difference that this comparison, alone, would have found with probability `POWER`
    p: float  #: of the side that the difference is on, one-sided, after Holm
    sign: Sign
    equal: bool  #: within the margin, whatever its sign
    words: str


def judge(family: Sequence[tuple[Known, float, str]], alpha: float, margin: float, confidence: float) -> list[Verdict]:
    """Verdicts on a family of differences.

    "Better" is a one-sided test at `alpha`, and so is "worse"; "practically equal" is two of them, against the margin
    on either side (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680). Each kind of claim
    is held to `alpha` over the whole family by Holm's method.

    Args:
        family: of each difference: what is known of it, the accuracy that it is counted from, and of what it is
            ("1,000 clips"), for the words.
        alpha: of one-sided tests.
        margin: differences within it are of no practical use.
        confidence: of the intervals.
    """
    sides = holm([min(known.below(0), known.above(0)) for known, _, _ in family])
    equals = holm([max(known.below(-margin), known.above(margin)) for known, _, _ in family])
    verdicts = []
    for (known, base, size), side, both in zip(family, sides, equals, strict=True):
        equal = bool(both <= alpha)
        sign = Sign.NONE if equal or side > alpha else Sign(int(np.sign(known.mean)))
        words = {Sign.BETTER: "better", Sign.WORSE: "worse", Sign.NONE: f"not distinguishable with {size}"}[sign]
        found = interval(known, confidence)
        detectable = float(stats.t.ppf([1 - alpha, POWER], known.freedom).sum() * known.error)
        effect = Estimate(*(cohen(base, base + value) for value in found))
        verdicts.append(
            Verdict(found, effect, detectable, float(side), sign, equal, "practically equal" if equal else words)
        )
    return verdicts


def cohen(base: float, other: float) -> float:
    """Cohen's h of two shares: equal differences of it are about equally hard to see, near 0.5 and near 1.

    h = 2 arcsin sqrt(other) - 2 arcsin sqrt(base) (Cohen 1988, Statistical Power Analysis, chapter 6); 0.2 is small,
    0.5 medium, 0.8 large. Shares beyond 0 and 1, as an interval's ends may be, count as 0 and 1.
    """
    ends = np.arcsin(np.sqrt(np.clip([base, other], 0, 1)))
    return float(2 * (ends[1] - ends[0]))
