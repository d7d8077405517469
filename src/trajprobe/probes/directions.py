"""The arrow of time: whether features tell a clip from the same clip played backwards.

Each clip stands among the examples twice, forwards and backwards, and its direction is its class (the task is that of
Pickup and others 2014, Seeing the Arrow of Time, CVPR). Labels have no part in it. The two classes are balanced by
construction, in every fold. A clip and its reversal are never in different folds, outer or inner: a probe that had seen
one of them would know the other by its likeness, and call it wrong.
"""

from collections.abc import Sequence

import numpy as np

from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.cross_validation import FoldProbe, OuterFold
from trajprobe.probes.selection import Split

FORWARDS, BACKWARDS = 0, 1
#: For a clip that no fold tests.
NOT_TESTED = -1


def directions(clips: int) -> Integers:
    """The classes (2 n) of so many clips and, behind them, their reversals."""
    return np.repeat([FORWARDS, BACKWARDS], clips)


def both_ways(forwards: Matrix, backwards: Matrix) -> Matrix:
    """Features (n v d) of clips and of their reversals: (2*n v d)."""
    return np.concatenate([forwards, backwards])


def fold_of_pairs(fold: OuterFold, clips: int) -> OuterFold:
    """A fold of n `clips`, and its inner folds, with each clip's reversal beside it; nothing is drawn for it."""
    splits = [Split(_pairs(split.train, clips), _pairs(split.test, clips)) for split in fold.splits]
    nothing = np.empty((0, 2 * clips), dtype=np.int64)
    return OuterFold(_pairs(fold.train, clips), _pairs(fold.test, clips), splits, nothing, [], [])


def correct_directions(outer: Sequence[OuterFold], folds: Sequence[FoldProbe], clips: int) -> list[int]:
    """Of each of n `clips` and its reversal, of how many the direction is predicted correctly: 0, 1 or 2.

    Args:
        outer: the folds of the clips themselves.
        folds: what the probes of `fold_of_pairs` of each predict.
        clips: n.
    """
    right = np.full(clips, NOT_TESTED)
    for place, fold in zip(outer, folds, strict=True):
        correct = fold.chosen.predictions == directions(len(place.test))
        right[place.test] = correct.reshape(2, -1).sum(axis=0)
    return right.tolist()


def _pairs(numbers: Integers, clips: int) -> Integers:
    return np.concatenate([numbers, numbers + clips])
