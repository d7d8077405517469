"""Confidence distributions: for each value, the confidence that the truth is below it.

Their quantiles are the confidence intervals, their tails the one-sided tests (Xie and Singh 2013, International
Statistical Review 81, 3-39). Over clips they come from a bootstrap of groups, over random seeds from Student's t.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy import stats

from trajprobe.compare.metrics import Array

#: Values that differ by less are equal.
ROUNDING = 1e-12


class Estimate(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    ci_low: float
    ci_high: float


class ConfidenceDistribution(Protocol):
    """What the data say of a value."""

    @property
    def mean(self) -> float:
        """The estimate."""

    @property
    def standard_error(self) -> float:
        """Of the estimate."""

    @property
    def degrees_of_freedom(self) -> float:
        """Of the standard error."""

    def quantile(self, level: float) -> float:
        """The value that the truth is below with confidence `level`."""

    def p_greater(self, null: float) -> float:
        """The p-value of the hypothesis that the truth is `null` or less, against greater."""

    def p_less(self, null: float) -> float:
        """The p-value of the hypothesis that the truth is `null` or greater, against less."""


def confidence_interval(distribution: ConfidenceDistribution, confidence: float) -> Estimate:
    """The mean, and the interval with equal tails."""
    low, high = (distribution.quantile(level) for level in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Estimate(distribution.mean, low, high)


@dataclass(frozen=True)
class StudentDistribution:
    """Of a mean with a standard error: Student's t."""

    mean: float
    standard_error: float
    degrees_of_freedom: float

    def quantile(self, level: float) -> float:
        return self.mean + float(stats.t.ppf(level, self.degrees_of_freedom)) * self.standard_error

    def p_greater(self, null: float) -> float:
        return self._tail(null - self.mean)

    def p_less(self, null: float) -> float:
        return self._tail(self.mean - null)

    def _tail(self, distance: float) -> float:
        if self.standard_error < ROUNDING:  # nothing varied: every value but the mean is excluded
            return 1.0 if distance > -ROUNDING else 0.0
        return float(stats.t.cdf(distance / self.standard_error, self.degrees_of_freedom))


@dataclass(frozen=True)
class BootstrapDistribution:
    """Of a value over clips, from its values in draws of the groups.

    Expanded percentiles: with few groups the plain ones are too narrow, by the factor sqrt((g - 1) / g) and by the
    normal quantile in place of Student's, so that levels are moved outwards by both (Hesterberg 2015, The American
    Statistician 69, 371-386, section 3.3).
    """

    mean: float
    draws: Array  #: (draws), sorted
    groups: int

    @property
    def degrees_of_freedom(self) -> float:
        return self.groups - 1.0

    @property
    def standard_error(self) -> float:
        return float(self.draws.std() * np.sqrt(self.groups / self.degrees_of_freedom))

    def quantile(self, level: float) -> float:
        t = stats.t.ppf(level, self.degrees_of_freedom)
        return float(np.quantile(self.draws, stats.norm.cdf(np.sqrt(self.groups / self.degrees_of_freedom) * t)))

    def p_greater(self, null: float) -> float:
        return self._p_value(int(np.searchsorted(self.draws, null + ROUNDING, "right")))

    def p_less(self, null: float) -> float:
        return self._p_value(len(self.draws) - int(np.searchsorted(self.draws, null - ROUNDING, "left")))

    def _p_value(self, count: int) -> float:
        share = (count + 1) / (len(self.draws) + 1)  # the sample itself is one of them
        normal = stats.norm.ppf(share)
        return float(stats.t.cdf(np.sqrt(self.degrees_of_freedom / self.groups) * normal, self.degrees_of_freedom))
