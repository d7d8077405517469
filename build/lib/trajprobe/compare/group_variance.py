"""The variance of a mean over clips that come in groups, for groups of any sizes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class GroupVariance(NamedTuple):
    """Variances of means, and their common degrees of freedom."""

    variances: Array  #: [...]
    degrees_of_freedom: float


def group_variance(residuals: Array, weights: Array, spread: Array) -> GroupVariance:
    """The variance of a weighted mean of g independent groups, from what each group is away from it.

    A large group pulls the mean towards itself, so that its residual is too small. Each square is divided by what it
    comes to where the groups' means have variances in the ratio of `spread`, v, with weights w:

        Var(residual_g) = v_g (1 - 2 w_g) + T,  T = sum of w^2 v
        variance = sum of w_g^2 residual_g^2 v_g / Var(residual_g)

    which is unbiased there, whatever the sizes (Bell and McCaffrey 2002, Survey Methodology 28, 169-181). Its degrees
    of freedom are those of as many equal groups as Kish's effective number, 1 / sum of w^2 (Kish 1965, Survey
    Sampling, section 11.7). Satterthwaite's, from the residuals' covariances, are fewer, and a t of these rejects a
    fifth of what it should where a group has a third of the clips: the mean is not independent of its residuals there.
    Equal groups have the usual variance of a mean, and g - 1 degrees.

    Args:
        residuals: [... g], a group's mean less the mean over groups; the last axis is the groups.
        weights: (g), of each group in the mean; they sum to 1.
        spread: (g), above 0, variances of the groups' means up to a factor.
    """
    own = weights * spread
    of_residuals = spread - 2 * own + weights @ own
    return GroupVariance(residuals**2 @ (weights * own / of_residuals), 1 / float(weights @ weights) - 1)


def intraclass_correlation(values: Array, of_group: NDArray[np.int64]) -> float:
    """The correlation of two values (n) of one group, by analysis of variance, from 0 to 1; `of_group` (n) from 0.

    0 where no group has two values (Donner and Koval 1980, Biometrics 36, 19-25).
    """
    sizes = np.bincount(of_group)
    clips, groups = len(values), len(sizes)
    if groups in (1, clips):
        return 0.0
    means = np.bincount(of_group, weights=values) / sizes
    between = float(sizes @ (means - values.mean()) ** 2) / (groups - 1)
    within = float(((values - means[of_group]) ** 2).sum()) / (clips - groups)
    size = (clips - float(sizes @ sizes) / clips) / (groups - 1)
    total = between + (size - 1) * within
    return float(np.clip((between - within) / total, 0, 1)) if total > 0 else 0.0
