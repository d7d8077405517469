"""Comparison with networks of random weights: their seeds are a sample, and the question is about a further one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trajprobe.compare.confidence import ROUNDING, ScoreDistribution, StudentDistribution, share_distribution
from trajprobe.compare.metrics import Array, Metric
from trajprobe.compare.sample import ClipWeights, Scores


def next_seed(values: Array) -> StudentDistribution:
    """The prediction distribution of a FURTHER random seed's value, from `values` (s), one a seed.

    mean +- t * sd * sqrt(1 + 1/s), t of s - 1 degrees of freedom: random initialisation is a distribution, and the
    question is whether a network could be one more draw of it (Geisser 1993, Predictive Inference, section 2.1).
    """
    spread = float(values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))
    return StudentDistribution(float(values.mean()), spread, len(values) - 1.0)


def gain(trained: Scores, random: Scores, weights: ClipWeights) -> StudentDistribution:
    """How much better a network (s is 1) is than a FURTHER random one, on clips like these.

    Three things vary: the worth of random networks, how each network happens to do on these clips, and how the gain
    differs among clips. The spread among the seeds holds the first two, so that the t prediction interval (`next_seed`)
    is right where a network's gain is the same everywhere. What the gain varies over groups beyond that is added:

        var = sd^2 (1 + 1/s) + max(0, V(trained - mean of random) - V(random - mean of random) s/(s - 1) (1 + 1/s))

    V the variance over groups (`ClipWeights.variance`), that of random ones their mean; degrees of freedom by
    Satterthwaite (1946, Biometrics Bulletin 2, 110-114). `make calibrate` measures its error rate and coverage.
    """
    mean = trained.minus(random.mean)
    variance, freedom = _with_clips(mean, [_Seeds.of(random, weights)], [1 + 1 / len(random.values)], weights)
    return StudentDistribution(float(mean.values[0]), float(np.sqrt(variance)), freedom)


def mean_difference(first: Scores, second: Scores, weights: ClipWeights) -> StudentDistribution:
    """How much better random networks of one kind are than those of another, each in the mean over all seeds.

    As `gain`, but each kind's sd^2 counts 1/s times: Welch's t (1947, Biometrika 34, 28-35), over clips as well.
    """
    mean = first.mean.minus(second.mean)
    seeds = [_Seeds.of(random, weights) for random in (first, second)]
    variance, freedom = _with_clips(mean, seeds, [1 / len(random.values) for random in (first, second)], weights)
    return StudentDistribution(float(mean.values[0]), float(np.sqrt(variance)), freedom)


def further_network(random: Scores, weights: ClipWeights, metric: Metric) -> ScoreDistribution:
    """The score of a FURTHER random network on clips like these: its variance is that of a gain over nothing."""
    mean = random.mean
    parts = _with_clips(mean, [_Seeds.of(random, weights)], [1 + 1 / len(random.values)], weights)
    return share_distribution(float(mean.values[0]), weights.sampling(*parts), metric.lowest, metric.highest)


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
    return float(parts.sum()), float(parts.sum() ** 2 / (parts**2 / freedoms).sum())


def rank_p_value(trained: float, random: Sequence[float]) -> float:
    """The p-value of a network's rank among random ones: exact for any distribution, never below 1 / (s + 1).

    Of s + 1 exchangeable networks each is as likely the best one (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + sum(value > trained - ROUNDING for value in random)) / (len(random) + 1)
