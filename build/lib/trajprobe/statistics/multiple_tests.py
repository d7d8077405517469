"""Several tests at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """The p-values (m) of m tests, so that all hold with the confidence of one (Holm 1979, Scand. J. Statist. 6, 65).

    The smallest is multiplied by their number, the next by one less, and so on; none falls below the one before.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    return adjusted


def holm_levels(p_values: ArrayLike, level: float) -> NDArray[np.float64]:
    """What each p-value (m) may be at most to be rejected at `level` by Holm's method, as the other ones are.

    `level` / (m - k), k the number of the others that are rejected before it: the smallest that pass `level` / m, then
    `level` / (m - 1), and so on.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    steps = level / np.arange(len(raw), 0, -1)
    levels = np.empty_like(raw)
    for place in range(len(raw)):
        passed = np.sort(np.delete(raw, place)) <= steps[:-1]
        levels[place] = steps[np.logical_and.accumulate(passed).sum()]
    return levels
