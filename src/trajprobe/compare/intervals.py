"""What is known of a difference: over clips by a bootstrap of groups, over random initialisations by Student's t.

Both give a confidence distribution (Xie and Singh 2013, International Statistical Review 81, 3-39): for each value, how
surely the truth is below it. Its quantiles are the intervals, its tails the one-sided tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from tqdm import tqdm

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
#: Draws of the bootstrap at once; bounds its memory.
CHUNK = 500
#: Shares of clips that differ by less are equal.
ROUNDING = 1e-12


class Estimate(NamedTuple):
    """A mean and its interval."""

    mean: float
    ci_low: float
    ci_high: float


class Known(Protocol):
    """What is known of a value."""

    @property
    def mean(self) -> float:
        """The estimate."""

    @property
    def error(self) -> float:
        """Its standard error."""

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error."""

    def at(self, level: float) -> float:
        """Below which value the truth is with confidence `level`."""

    def below(self, value: float) -> float:
        """The p-value of the truth being `value` or less, against more."""

    def above(self, value: float) -> float:
        """The p-value of the truth being `value` or more, against less."""


def interval(known: Known, confidence: float) -> Estimate:
    """With equal tails."""
    return Estimate(known.mean, known.at((1 - confidence) / 2), known.at((1 + confidence) / 2))


@dataclass(frozen=True)
class Student:
    """A mean with a standard error: Student's t."""

    mean: float
    error: float
    freedom: float

    def at(self, level: float) -> float:
        return self.mean + float(stats.t.ppf(level, self.freedom)) * self.error

    def below(self, value: float) -> float:
        return self._tail(value - self.mean)

    def above(self, value: float) -> float:
        return self._tail(self.mean - value)

    def _tail(self, away: float) -> float:
        if self.error < ROUNDING:  # nothing varied: only what was seen is not excluded
            return 1.0 if away > -ROUNDING else 0.0
        return float(stats.t.cdf(away / self.error, self.freedom))


@dataclass(frozen=True)
class Bootstrap:
    """A mean over clips, and its values in draws of the groups.

    Expanded percentiles: with few groups the plain ones are too narrow, by the factor sqrt((g - 1) / g) and by the
    normal quantile in place of Student's, so that levels are moved outwards by both (Hesterberg 2015, The American
    Statistician 69, 371-386, section 3.3).
    """

    mean: float
    draws: Array  #: (draws), sorted
    groups: int

    @property
    def freedom(self) -> float:
        return self.groups - 1.0

    @property
    def error(self) -> float:
        return float(self.draws.std() * np.sqrt(self.groups / self.freedom))

    def at(self, level: float) -> float:
        moved = stats.norm.cdf(np.sqrt(self.groups / self.freedom) * stats.t.ppf(level, self.freedom))
        return float(np.quantile(self.draws, moved))

    def below(self, value: float) -> float:
        return self._p(int(np.searchsorted(self.draws, value + ROUNDING, "right")))

    def above(self, value: float) -> float:
        return self._p(len(self.draws) - int(np.searchsorted(self.draws, value - ROUNDING, "left")))

    def _p(self, count: int) -> float:
        share = (count + 1) / (len(self.draws) + 1)  # the sample itself is one of them
        return float(stats.t.cdf(np.sqrt(self.freedom / self.groups) * stats.norm.ppf(share), self.freedom))


def over_clips(values: Array, groups: Groups, draws: int, seed: int) -> list[Bootstrap]:
    """What is known of the means of `values` (m n) over n clips.

    Whole groups (n) are drawn with replacement, since their clips are not independent (Davison and Hinkley 1997,
    Bootstrap Methods, section 3.8; Miller 2024, arXiv 2411.00640), and the same ones for all m, so that a difference
    is paired when `values` holds the differences.
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(of_group, weights=row) for row in values])
    sizes = np.bincount(of_group).astype(np.float64)
    generator = np.random.default_rng(seed)
    even = np.full(len(sizes), 1 / len(sizes))
    means = np.empty((len(values), draws))
    for start in tqdm(range(0, draws, CHUNK), desc="bootstrap", unit="chunk", delay=1):
        stop = min(start + CHUNK, draws)
        times = generator.multinomial(len(sizes), even, size=stop - start).astype(np.float64)
        means[:, start:stop] = (sums @ times.T) / (times @ sizes)
    means.sort(axis=1)
    return [Bootstrap(float(row.mean()), drawn, len(sizes)) for row, drawn in zip(values, means, strict=True)]


def over_seeds(values: Array) -> Student:
    """What is known of the NEXT random seed's value, given `values` (s), one a seed.

    mean +- t * sd * sqrt(1 + 1/s), t of s - 1 degrees of freedom: random initialisation is a distribution, and the
    question is whether a network could be one more draw of it (Geisser 1993, Predictive Inference, section 2.1).
    """
    spread = float(values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))
    return Student(float(values.mean()), spread, len(values) - 1.0)


def gain(trained: Array, random: Array, groups: Groups) -> Student:
    """What is known of how much more a network tells right than the next random one, on clips like these.

    `trained` (n) and `random` (s n) are 1 where the clip was told right, `groups` (n). Three things vary: the worth of
    random networks, how each network happens to do on these clips, and how the gain differs among clips. The spread
    among the seeds holds the first two, so that the t prediction interval (`over_seeds`) is right where a network's
    gain is the same everywhere. What the gain varies over groups beyond that is added:

        var = sd^2 (1 + 1/s) + max(0, V(trained - mean of random) - V(random - mean of random) s/(s - 1) (1 + 1/s))

    V the variance of a mean over groups (`variances`), that of random ones their mean; degrees of freedom by
    Satterthwaite (1946, Biometrics Bulletin 2, 110-114). `make calibrate` holds it to its error rate and coverage.
    """
    count, among = len(random), len(np.unique(groups)) - 1.0
    seeds = over_seeds(random.mean(axis=1))
    mean = random.mean(axis=0)
    gained, clips = float(trained.mean() - mean.mean()), variances(trained[np.newaxis] - mean, groups)[0]
    if seeds.error < ROUNDING:  # few seeds that happen to agree tell nothing of their spread; the clips remain
        return Student(gained, float(np.sqrt(clips)), among)
    own = variances(random - mean, groups).mean() * count / (count - 1)
    parts = np.array([seeds.error**2, max(0.0, clips - own * (1 + 1 / count))])
    freedom = float(parts.sum() ** 2 / (parts**2 / (seeds.freedom, among)).sum())
    return Student(gained, float(np.sqrt(parts.sum())), freedom)


def variances(values: Array, groups: Groups) -> Array:
    """Variances (m) of the means of `values` (m n) over clips that come in independent groups (n).

    That of a ratio of sums over groups, linearised (Cochran 1977, Sampling Techniques, section 2.11).
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    away = values - values.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(of_group, weights=row) for row in away])
    count = sums.shape[1]
    found: Array = (sums**2).sum(axis=1) * count / (count - 1) / values.shape[1] ** 2
    return found


def rank(trained: float, random: Sequence[float]) -> float:
    """The p-value of a network's rank among random ones: exact for any distribution, never below 1 / (s + 1).

    Of s + 1 exchangeable networks each is as likely the best one (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + sum(one > trained - ROUNDING for one in random)) / (len(random) + 1)
