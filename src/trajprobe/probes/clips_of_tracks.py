"""Clips of a track by several cameras: a classifier is fitted to each of them, and its scores are averaged over them.

Folds, permutations and draws are of tracks, so that no clip of a tested track is ever fitted to. Where there is one
camera, nothing of this has an effect.
"""

import numpy as np
from numpy.typing import NDArray

from trajprobe.probes.arrays import Integers, Matrix


def clips_of(x: Matrix) -> Matrix:
    """Features (n v d) of v clips of each track, a clip a row: (n*v d)."""
    return x.reshape(-1, x.shape[-1])


def labels_of_clips(labels: Integers, cameras: int) -> Integers:
    """The labels (n) of tracks, for each of their clips (n*v)."""
    return np.repeat(labels, cameras)


def averaged(scores: NDArray[np.float64], cameras: int) -> NDArray[np.float64]:
    """The mean of scores (n*v k) over the clips of each track: (n k)."""
    mean: NDArray[np.float64] = scores.reshape(-1, cameras, scores.shape[-1]).mean(axis=1)
    return mean
