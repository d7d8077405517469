"""Simulated score tables, from two models of which clips a network gets right. Their truth is known.

`logits`:   logit P(network j gets clip i of group g right) = w_j + d_i + e_g + u_jg

w_j the network's worth, d_i and e_g how easy clip and group are, u_jg how the network does on the group.

`thresholds`: network j gets clip i of group g right where a standard normal value of its own, z_ji, is below t_j. Those
of one clip, of one group, and of one network on one group are alike by so much of their variance.

A network's true accuracy is the mean over all clips and groups that there could be.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

Array = NDArray[np.float64]
NODES, WEIGHTS = hermegauss(61)
#: Logits: standard deviations of clips, of groups and of a network's luck on a group.
CLIP, GROUP, LUCK = 1.0, 1.0, 0.5
#: Thresholds: the same three as shares of the variance.
CLIP_SHARE, GROUP_SHARE, LUCK_SHARE = 0.3, 0.2, 0.05
#: Logits that a bad network has less.
BAD = 1.0
#: A normal value of so many logits is about one standard normal value.
LOGITS = 1.7


@dataclass(frozen=True)
class Cell:
    """What score tables of one kind are drawn from."""

    sizes: tuple[int, ...]  #: clips of each group
    first: int = 1  #: networks of the first row; several are random ones
    second: int = 1  #: and of the second
    spread: float = 0.0  #: standard deviation of random networks' worth, in logits
    effect: float = 0.0  #: true difference of accuracy
    uneven: float = 0.0  #: standard deviation of the effect among groups, in logits
    accuracy: float = 0.5  #: of a network of the second row whose worth is the mean one
    nested: bool = False  #: whether the clips that one network gets wrong are among those of the other
    bad: float = 0.0  #: share of networks whose worth is `BAD` logits lower
    control: bool = False  #: whether the second row is no draw of networks: its worth is the mean one

    @property
    def groups(self) -> NDArray[np.int64]:
        """The group (n) of each clip."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def alone(self) -> bool:
        """Whether each clip is a group."""
        return max(self.sizes) == 1


@dataclass(frozen=True)
class Table:
    """Which clips are right, and the truth about the networks."""

    first: Array  #: (first n)
    second: Array  #: (second n)
    difference: float  #: of true accuracies; of a further network, or of the mean of both rows where both are random
    accuracy: float  #: of the second row's network; of random ones, of a further one


@cache
def expit_mean(worth: float, deviation: float) -> float:
    """The mean of expit over a normal distribution of logits."""
    return float(special.expit(worth + deviation * NODES) @ WEIGHTS / WEIGHTS.sum())


@cache
def worths(accuracy: float, effect: float, deviation: float, uneven: float) -> tuple[float, float]:
    """In logits: of a network with this accuracy, and what one has more that is better by the effect."""
    base = brentq(lambda worth: expit_mean(worth, deviation) - accuracy, -20, 20)
    wider = float(np.hypot(deviation, uneven))
    return base, brentq(lambda worth: expit_mean(worth, wider) - accuracy - effect, -20, 20) - base


def logits(cell: Cell, generator: np.random.Generator) -> Table:
    """A score table by logits."""
    groups, count = cell.groups, cell.first + cell.second
    easy, luck = (0.0, 0.0) if cell.alone else (GROUP, LUCK)
    deviation = float(np.sqrt(CLIP**2 + easy**2 + luck**2))
    base, shift = worths(cell.accuracy, cell.effect, deviation, cell.uneven)
    worth = base + _worths(cell, generator)
    worth[: cell.first] += shift
    values = worth[:-1, np.newaxis] + CLIP * generator.normal(size=len(groups))
    values = values + easy * generator.normal(size=len(cell.sizes))[groups]
    values = values + luck * generator.normal(size=(count, len(cell.sizes)))[:, groups]
    values[: cell.first] += cell.uneven * generator.normal(size=len(cell.sizes))[groups]
    right = generator.random((1 if cell.nested else count, len(groups))) < special.expit(values)
    mine, other = float(np.hypot(deviation, cell.uneven)), float(worth[-1] if cell.second > 1 else worth[-2])
    accuracy = special.expit(other + deviation * NODES) @ WEIGHTS / WEIGHTS.sum()
    first = special.expit(worth[0] + mine * NODES) @ WEIGHTS / WEIGHTS.sum()
    return _table(cell, right, float(first), float(accuracy))


def thresholds(cell: Cell, generator: np.random.Generator) -> Table:
    """A score table by thresholds."""
    groups, count = cell.groups, cell.first + cell.second
    of_group, of_luck = (0.0, 0.0) if cell.alone else (GROUP_SHARE, LUCK_SHARE)
    parts = [
        (CLIP_SHARE, generator.standard_normal((1, len(groups)))),
        (of_group, generator.standard_normal((1, len(cell.sizes)))[:, groups]),
        (of_luck, generator.standard_normal((count, len(cell.sizes)))[:, groups]),
        (1 - CLIP_SHARE - of_group - of_luck, generator.standard_normal((1 if cell.nested else count, len(groups)))),
    ]
    value = sum(np.sqrt(share) * part for share, part in parts)
    uneven = cell.uneven / LOGITS
    threshold = special.ndtri(cell.accuracy) + _worths(cell, generator) / LOGITS
    threshold[: cell.first] += special.ndtri(cell.accuracy + cell.effect) * np.hypot(1, uneven) - special.ndtri(
        cell.accuracy
    )
    of_clip = np.repeat(threshold[:-1, np.newaxis], len(groups), axis=1)
    of_clip[: cell.first] += uneven * generator.standard_normal(len(cell.sizes))[groups]
    other = threshold[-1] if cell.second > 1 else threshold[-2]
    first = special.ndtr(threshold[0] / np.hypot(1, uneven))
    return _table(cell, value < of_clip, float(first), float(special.ndtr(other)))


def _worths(cell: Cell, generator: np.random.Generator) -> Array:
    """What networks are worth beyond the mean, in logits: of the first row, of the second, and of a further one."""
    worth = cell.spread * generator.normal(size=cell.first + cell.second + 1)
    if cell.bad:
        worth -= BAD * (generator.random(len(worth)) < cell.bad)
    if cell.control:
        worth[cell.first : -1] = 0
    return worth


def _table(cell: Cell, right: NDArray[np.bool_], first: float, accuracy: float) -> Table:
    both_random = cell.first > 1
    difference = cell.effect if both_random else first - accuracy
    correct = right.astype(np.float64)
    return Table(correct[: cell.first], correct[cell.first :], difference, accuracy)


MODELS = (logits, thresholds)
