"""Comparison with networks of random weights: their seeds are a sample, and the question is about a further one."""

from collections.abc import Sequence

import numpy as np

from trajprobe.compare.confidence import ROUNDING, StudentDistribution
from trajprobe.compare.metrics import Array, Integers


def next_seed(values: Array) -> StudentDistribution:
    """The prediction distribution of a FURTHER random seed's value, from `values` (s), one a seed.

    mean +- t * sd * sqrt(1 + 1/s), t of s - 1 degrees of freedom: random initialisation is a distribution, and the
    question is whether a network could be one more draw of it (Geisser 1993, Predictive Inference, section 2.1).
    """
    spread = float(values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))
    return StudentDistribution(float(values.mean()), spread, len(values) - 1.0)


def gain(trained: Array, random: Array, groups: Integers, strata: Integers) -> StudentDistribution:
    """How much more accurate a network is than a further random one, on clips like these.

    `trained` (n) and `random` (s n) are 1 where the prediction is correct, `groups` (n), `strata` (n) as in
    `stratified_mean`: one stratum compares accuracies, the classes compare balanced accuracies. Three things vary: the
    worth of random networks, how each network happens to do on these clips, and how the gain differs among clips. The
    spread among the seeds holds the first two, so that the t prediction interval (`next_seed`) is right where a
    network's gain is the same everywhere. What the gain varies over groups beyond that is added:

        var = sd^2 (1 + 1/s) + max(0, V(trained - mean of random) - V(random - mean of random) s/(s - 1) (1 + 1/s))

    V the variance of a mean over groups (`sampling_variance`), that of random ones their mean; degrees of freedom by
    Satterthwaite (1946, Biometrics Bulletin 2, 110-114). `make calibrate` measures its error rate and coverage.
    """
    count, of_groups = len(random), len(np.unique(groups)) - 1.0
    seeds = next_seed(stratified_mean(random, strata))
    mean = random.mean(axis=0)
    difference = float(stratified_mean(trained, strata) - stratified_mean(mean, strata))
    total = sampling_variance(trained[np.newaxis] - mean, groups, strata)[0]
    if seeds.standard_error < ROUNDING:  # few seeds that happen to agree say nothing of their spread; the clips remain
        return StudentDistribution(difference, float(np.sqrt(total)), of_groups)
    own = sampling_variance(random - mean, groups, strata).mean() * count / (count - 1)
    parts = np.array([seeds.standard_error**2, max(0.0, total - own * (1 + 1 / count))])
    freedom = float(parts.sum() ** 2 / (parts**2 / (seeds.degrees_of_freedom, of_groups)).sum())
    return StudentDistribution(difference, float(np.sqrt(parts.sum())), freedom)


def stratified_mean(values: Array, strata: Integers) -> Array:
    """Means [...] of `values` [... n]: the mean of the means in each stratum (n), whatever the number of its clips."""
    means = [values[..., strata == stratum].mean(axis=-1) for stratum in np.unique(strata)]
    return np.mean(means, axis=0)


def sampling_variance(values: Array, groups: Integers, strata: Integers) -> Array:
    """Variances (m) of the stratified means of `values` (m n) over clips that come in independent groups (n).

    Each stratum's mean is a ratio of sums over groups, linearised (Cochran 1977, Sampling Techniques, section 2.11).
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    names = np.unique(strata)
    away = np.empty_like(values)
    for stratum in names:
        inside = strata == stratum
        count = len(np.unique(groups[inside]))
        scale = np.sqrt(count / max(count - 1, 1)) / inside.sum() / len(names)
        away[:, inside] = (values[:, inside] - values[:, inside].mean(axis=1, keepdims=True)) * scale
    sums = np.stack([np.bincount(of_group, weights=row) for row in away])
    variances: Array = (sums**2).sum(axis=1)
    return variances


def rank_p_value(trained: float, random: Sequence[float]) -> float:
    """The p-value of a network's rank among random ones: exact for any distribution, never below 1 / (s + 1).

    Of s + 1 exchangeable networks each is as likely the best one (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + sum(value > trained - ROUNDING for value in random)) / (len(random) + 1)
