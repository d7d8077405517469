"""Networks of several seeds, random or trained: they are a sample, as clips are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import brentq

from trajprobe.compare.confidence import ROUNDING, Estimate, ScoreDistribution, StudentDistribution, share_distribution
from trajprobe.compare.metrics import Array
from trajprobe.compare.sample import ClipWeights, Scores

#: Shares of a gain are looked for so far from the estimate.
WIDEST = 100.0


def next_seed(values: Array) -> StudentDistribution:
    """The prediction distribution of a FURTHER random seed's value, from `values` (s), one a seed.

    mean +- t * sd * sqrt(1 + 1/s), t of s - 1 degrees of freedom: random initialisation is a distribution, and the
    question is whether a network could be one more draw of it (Geisser 1993, Predictive Inference, section 2.1).
    """
    spread = float(values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))
    return StudentDistribution(float(values.mean()), spread, len(values) - 1.0)


class Term(NamedTuple):
    """One of the kinds of networks that a contrast is of."""

    coefficient: float
    scores: Scores  #: of its networks (s); one counts as it is, several are a sample of all that there could be
    further: bool = False  #: whether it counts as one more network of its kind; else as the mean over all of them


def contrast(terms: Sequence[Term], weights: ClipWeights) -> StudentDistribution:
    """The sum of the kinds' mean scores, each times its coefficient c, on clips like these.

    Three things vary: the worth of networks, how each network happens to do on these clips, and how the contrast
    differs among clips. The spread sd among a kind's s seeds holds the first two. What the contrast varies over groups
    beyond that is added:

        var = sum of c^2 (1/s + 1 if further) sd^2
            + max(0, V(contrast) - sum of c^2 (1/s + 1 if further) V(network - mean of its kind) s/(s - 1))

    V the variance over groups (`ClipWeights.variance`), that of a kind's networks their mean. The degrees of freedom
    are Satterthwaite's (1946, Biometrics Bulletin 2, 110-114). Without clips this is Welch's t (1947, Biometrika 34,
    28-35); of one network minus a further random one, Geisser's t prediction (`next_seed`). `make calibrate` measures
    its error rate and coverage.
    """
    values = sum(coefficient * scores.mean.values for coefficient, scores, _ in terms)
    left_out = sum(coefficient * scores.mean.left_out for coefficient, scores, _ in terms)
    correct = sum(coefficient * scores.mean.correct for coefficient, scores, _ in terms)
    mean = Scores(np.asarray(values), np.asarray(left_out), np.asarray(correct))
    several = [term for term in terms if len(term.scores.values) > 1]
    factors = [term.coefficient**2 * (1 / len(term.scores.values) + term.further) for term in several]
    variance, freedom = _with_clips(mean, [_Seeds.of(term.scores, weights) for term in several], factors, weights)
    return StudentDistribution(float(mean.values[0]), float(np.sqrt(variance)), freedom)


def share_of_gain(other: Scores, trained: Scores, random: Scores, weights: ClipWeights, confidence: float) -> Estimate:
    """How much of the gain of `trained` over `random` networks the networks `other` have, 1 for all of it.

    share = (other - random) / (trained - random), each the mean over all networks of its kind. Its interval holds all
    values for which (other - random) - value (trained - random) may be nothing (Fieller 1954, Journal of the Royal
    Statistical Society B 16, 175-185). It is infinite where the gain itself may be nothing.
    """

    def distance(value: float) -> float:
        """In critical values; 1 at the interval's ends."""
        terms = [Term(1, other), Term(-value, trained), Term(value - 1, random)]
        away = contrast(terms, weights)
        critical = float(special.stdtrit(away.degrees_of_freedom, (1 + confidence) / 2))
        return abs(away.mean) / max(away.error * critical, ROUNDING)

    base = random.mean.values[0]
    share = float((other.mean.values[0] - base) / (trained.mean.values[0] - base))
    ends = [_end(lambda step, sign=sign: distance(share + sign * step)) for sign in (-1, 1)]  # type: ignore[misc]
    return Estimate(share, share - ends[0], share + ends[1])


def _end(distance: Callable[[float], float]) -> float:
    """The step from an estimate at which `distance` reaches 1; infinite where it does not."""
    step = 0.01
    while distance(step) < 1:
        step *= 2
        if step > WIDEST:
            return float("inf")
    return float(brentq(lambda size: distance(size) - 1, 0, step))


def further_network(networks: Scores, weights: ClipWeights, ends: tuple[float, float]) -> ScoreDistribution:
    """The score of a FURTHER network of a kind on clips like these: its variance is that of a gain over nothing."""
    mean = networks.mean
    parts = _with_clips(mean, [_Seeds.of(networks, weights)], [1 + 1 / len(networks.values)], weights)
    return share_distribution(float(mean.values[0]), weights.sampling(*parts), *ends)


@dataclass(frozen=True)
class _Seeds:
    """What seeds of random networks say of their spread."""

    variance: float  #: of a network's score among seeds, on these clips
    of_clips: float  #: the part that is how each happens to do on these clips
    degrees_of_freedom: float

    @classmethod
    def of(cls, random: Scores, weights: ClipWeights) -> "_Seeds":
        """Few seeds may happen to tie, which says nothing of their spread: it is then what the clips alone make it."""
        count = len(random.values)
        of_clips = float(weights.variance(random.minus(random.mean)).variances.mean()) * count / (count - 1)
        variance = float(random.values.var(ddof=1))
        if np.sqrt(variance) < ROUNDING:
            variance = max(of_clips, float(weights.squares.sum()) ** 2)  # of one clip at least
        return cls(variance, of_clips, count - 1.0)


def _with_clips(
    mean: Scores, seeds: Sequence[_Seeds], factors: Sequence[float], weights: ClipWeights
) -> tuple[float, float]:
    """The variance of a mean over seeds and clips, and its degrees of freedom.

    Args:
        mean: over networks (s is 1).
        seeds: of each kind of random networks.
        factors: how often the variance of each counts.
        weights: of the clips.
    """
    total = weights.variance(mean)
    among_seeds = [factor * kind.variance for factor, kind in zip(factors, seeds, strict=True)]
    twice = sum(factor * kind.of_clips for factor, kind in zip(factors, seeds, strict=True))
    parts = np.array([*among_seeds, max(0.0, float(total.variances[0]) - twice)])
    freedoms = np.array([*(kind.degrees_of_freedom for kind in seeds), total.degrees_of_freedom])
    if not parts.any():  # nothing varies
        return 0.0, total.degrees_of_freedom
    return float(parts.sum()), float(parts.sum() ** 2 / (parts**2 / freedoms).sum())


def rank_p_value(trained: float, random: Sequence[float]) -> float:
    """The p-value of a network's rank among random ones: exact for any distribution, never below 1 / (s + 1).

    Of s + 1 exchangeable networks each is as likely the best one (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + sum(value > trained - ROUNDING for value in random)) / (len(random) + 1)
