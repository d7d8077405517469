"""Confidence distributions: for each value, the confidence that the truth is below it.

Their quantiles are the confidence intervals, their tails the one-sided tests (Xie and Singh 2013, International
Statistical Review 81, 3-39). Of accuracies and of their differences over clips they are those of score tests, with a
design effect for groups; where random seeds vary they are Student's t.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy import special
from scipy.optimize import brentq

#: Values that differ by less are equal.
ROUNDING = 1e-12
HALF = 0.5


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

    def standard_error(self, value: float) -> float:
        """Of the estimate, where the truth is `value`."""

    @property
    def degrees_of_freedom(self) -> float:
        """Of the standard error."""

    def quantile(self, level: float) -> float:
        """The value that the truth is below with confidence `level`."""

    def distance(self, errors: float) -> float:
        """The value above 0 that is so many of its own standard errors."""

    def p_greater(self, null: float) -> float:
        """The p-value of the hypothesis that the truth is `null` or less, against greater."""

    def p_less(self, null: float) -> float:
        """The p-value of the hypothesis that the truth is `null` or greater, against less."""


def confidence_interval(distribution: ConfidenceDistribution, confidence: float) -> Estimate:
    """The mean, and the interval with equal tails."""
    low, high = (distribution.quantile(level) for level in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Estimate(distribution.mean, low, high)


@dataclass(frozen=True)
class Sampling:
    """What clips say of a mean over them."""

    variance: float  #: of the mean, over clips that come in groups
    degrees_of_freedom: float  #: of the variance
    clips: float  #: as many independent ones of equal weight would count as much
    expected_effect: float  #: design effect that is expected before the data are seen

    def design_effect(self, of_a_clip: float) -> float:
        """The variance over that of independent clips, of which one has the variance `of_a_clip`.

        Where hardly a clip differs from the others, its estimate is nothing over nothing. So what is expected is added
        to it, with the weight of a single clip that differs.
        """
        single = 1 / self.clips**2
        return (self.variance + single * self.expected_effect) / (of_a_clip / self.clips + single)


@dataclass(frozen=True)
class StudentDistribution:
    """Of a mean with a standard error: Student's t."""

    mean: float
    error: float  #: the standard one
    degrees_of_freedom: float

    def standard_error(self, value: float) -> float:  # noqa: ARG002 (it is the same for all values)
        return self.error

    def quantile(self, level: float) -> float:
        return self.mean + float(special.stdtrit(self.degrees_of_freedom, level)) * self.error

    def distance(self, errors: float) -> float:
        return errors * self.error

    def p_greater(self, null: float) -> float:
        return self._tail(null - self.mean)

    def p_less(self, null: float) -> float:
        return self._tail(self.mean - null)

    def _tail(self, distance: float) -> float:
        return _tail(distance, self.error, self.degrees_of_freedom)


@dataclass(frozen=True)
class ScoreDistribution:
    """Of a share, or of a difference of two: the score test, whose variance is that where the truth is what is tested.

    Near 0 and 1 an estimate's own variance is too small, and 0 where all clips are correct; that of the tested value is
    not (Wilson 1927, Journal of the American Statistical Association 22, 209-212).
    """

    mean: float
    variance: Callable[[float], float]  #: of the estimate, where the truth is the value
    degrees_of_freedom: float
    lowest: float  #: value that there can be
    highest: float

    def standard_error(self, value: float) -> float:
        return float(np.sqrt(max(self.variance(value), 0.0)))

    def quantile(self, level: float) -> float:
        end = self.lowest if level < HALF else self.highest
        if level == HALF or abs(end - self.mean) < ROUNDING:
            return self.mean

        def excess(value: float) -> float:
            return self.p_greater(value) - level if level < HALF else 1 - level - self.p_less(value)

        return float(brentq(excess, *sorted((self.mean, end)), xtol=ROUNDING))

    def distance(self, errors: float) -> float:
        # At 0 an error may be nothing, and near it is a multiple of the value's root.
        return float(brentq(lambda value: value - errors * self.standard_error(value), ROUNDING, self.highest))

    def p_greater(self, null: float) -> float:
        return _tail(null - self.mean, self.standard_error(null), self.degrees_of_freedom)

    def p_less(self, null: float) -> float:
        return _tail(self.mean - null, self.standard_error(null), self.degrees_of_freedom)


def share_distribution(mean: float, sampling: Sampling, lowest: float, highest: float) -> ScoreDistribution:
    """Of a share, or of another mean between two ends: Wilson's, of as many clips as the design effect leaves.

        Var(mean) = (p - lowest) (highest - p) / clips * design effect

    (Dean and Pagano 2015, American Journal of Epidemiology 182, 467-475, compare it with others for clustered clips.)
    """

    def of_a_clip(p: float) -> float:
        return (p - lowest) * (highest - p)

    scale = sampling.design_effect(of_a_clip(mean)) / sampling.clips
    return ScoreDistribution(mean, lambda p: scale * of_a_clip(p), sampling.degrees_of_freedom, lowest, highest)


def difference_distribution(better: float, worse: float, sampling: Sampling) -> ScoreDistribution:
    """Of a difference of two paired shares: Tango's, of as many clips as the design effect leaves.

        Var(better - worse) = (2 q + d - d^2) / clips * design effect

    d the tested difference, q the share of clips where the second alone is correct that is most likely if the
    difference is d (Tango 1998, Statistics in Medicine 17, 891-908).

    Args:
        better: the share of clips where the first alone is correct; of means over networks, how much it is ahead.
        worse: that where the second alone is.
        sampling: of the difference.
    """
    effect = sampling.design_effect(better + worse - (better - worse) ** 2)

    def variance(difference: float) -> float:
        linear = -(better + worse) + (2 - better + worse) * difference
        constant = -worse * difference * (1 - difference)
        alone = (np.sqrt(max(linear**2 - 8 * constant, 0.0)) - linear) / 4
        return float((2 * alone + difference * (1 - difference)) / sampling.clips * effect)

    return ScoreDistribution(better - worse, variance, sampling.degrees_of_freedom, -1.0, 1.0)


def _tail(distance: float, error: float, freedom: float) -> float:
    """The probability of a mean that is farther below the truth than `-distance`."""
    if error < ROUNDING:  # nothing varied: every value but the mean is excluded
        return 1.0 if distance > -ROUNDING else 0.0
    return float(special.stdtr(freedom, distance / error))
