"""Intervals: over clips by a bootstrap of groups, over random initialisations by Student's t, and over both."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from tqdm import tqdm

Array = NDArray[np.float64]
#: Draws of the bootstrap at once; bounds its memory.
CHUNK = 500


class Estimate(NamedTuple):
    """A mean and its interval."""

    mean: float
    ci_low: float
    ci_high: float


def over_clips(values: Array, groups: NDArray[np.int64], draws: int, confidence: float, seed: int) -> list[Estimate]:
    """Means of `values` (m n) over n clips, each with a percentile interval over the drawing of clips.

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
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return [Estimate(*map(float, one)) for one in zip(values.mean(axis=1), low, high, strict=True)]


def over_seeds(values: Array, confidence: float) -> Estimate:
    """Mean of `values` (s), one a random seed, with the interval in which the NEXT seed's value is expected.

    mean +- t * sd * sqrt(1 + 1/s), t of s - 1 degrees of freedom: random initialisation is a distribution, and the
    question is whether a network could be one more draw of it (Geisser 1993, Predictive Inference, section 2.1).
    """
    spread = values.std(ddof=1) * np.sqrt(1 + 1 / len(values))
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * spread)
    mean = float(values.mean())
    return Estimate(mean, mean - half, mean + half)


def over_both(clips: Estimate, seeds: Estimate) -> Estimate:
    """The gain over random initialisation, with an interval over clips and over seeds.

    `clips` is the paired difference over clips, `seeds` the random initialisations' own interval. Their half-widths
    are added as squares on each side (MOVER: Zou and Donner 2008, Statistics in Medicine 27, 1693-1702).
    """
    low = np.hypot(clips.mean - clips.ci_low, seeds.ci_high - seeds.mean)
    high = np.hypot(clips.ci_high - clips.mean, seeds.mean - seeds.ci_low)
    return Estimate(clips.mean, clips.mean - float(low), clips.mean + float(high))
