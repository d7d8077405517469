"""python benchmarks/calibrate.py: how often the verdicts are wrong; writes docs/calibration.md.

A score table holds which clips each network told right. Networks, clips and groups are drawn from a model whose truth
is known:

    logit P(network j tells clip i of group g right) = w_j + d_i + e_g + u_jg

w_j the network's worth, d_i and e_g how easy clip and group are, u_jg how the network does on the group. A network's
true accuracy is the mean over all clips and groups that there could be.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from trajprobe.statistics.intervals import Known, gain, interval, over_clips, rank

Array = NDArray[np.float64]
TABLES = 2000
ALPHA, CONFIDENCE, MARGIN, DRAWS = 0.05, 0.95, 0.02, 2000
PAGE = Path(__file__).parents[1] / "docs/calibration.md"
NODES, WEIGHTS = hermegauss(61)


@dataclass(frozen=True)
class Cell:
    """What score tables of one kind are drawn from."""

    seeds: int  #: random networks; 0: two networks are compared, neither of them a draw
    groups: int
    each: int  #: clips of a group
    spread: float = 0.0  #: standard deviation of the random networks' worth, in logits
    effect: float = 0.0  #: true difference of accuracy
    uneven: float = 0.0  #: how the effect varies among groups: its standard deviation over its mean
    accuracy: float = 0.5  #: of a random network whose worth is the mean one

    @property
    def grouped(self) -> bool:
        return self.each > 1

    @property
    def clip(self) -> float:
        """Standard deviation of how easy a clip is beyond its group."""
        return 1.0

    @property
    def group(self) -> tuple[float, float]:
        """Standard deviations of how easy a group is, and how much a network's luck there varies."""
        return (1.0, 0.5) if self.grouped else (0.0, 0.0)


def accuracy(worth: float, deviation: float) -> float:
    """True accuracy of a network: the mean of expit over a normal distribution of logits."""
    return float(expit(worth + deviation * NODES) @ WEIGHTS / WEIGHTS.sum())


@dataclass(frozen=True)
class Table:
    """Which clips were told right, and the truth about the networks."""

    trained: Array  #: (n)
    random: Array  #: (s n)
    groups: NDArray[np.int64]  #: (n)
    truth: float  #: accuracy of the trained network less that of a further random one


def drawn(cell: Cell, generator: np.random.Generator) -> Table:
    """A score table of a cell."""
    groups = np.repeat(np.arange(cell.groups), cell.each)
    count = max(cell.seeds, 1)
    easy, luck = cell.group
    deviation = float(np.sqrt(cell.clip**2 + easy**2 + luck**2))
    base = brentq(lambda worth: accuracy(worth, deviation) - cell.accuracy, -20, 20)

    def shifted(shift: float) -> float:
        return accuracy(base + shift, float(np.hypot(deviation, cell.uneven * shift))) - cell.accuracy

    shift = brentq(lambda value: shifted(value) - cell.effect, 0, 20) if cell.effect else 0.0
    worth = base + cell.spread * generator.normal(size=count + 2)  # the trained one, the random ones, a further one
    worth[0] += shift
    logits = worth[:-1, np.newaxis] + cell.clip * generator.normal(size=len(groups))
    logits = logits + easy * generator.normal(size=cell.groups)[groups]
    logits = logits + luck * generator.normal(size=(count + 1, cell.groups))[:, groups]
    logits[0] += cell.uneven * shift * generator.normal(size=cell.groups)[groups]
    right = (generator.random(logits.shape) < expit(logits)).astype(np.float64)
    truth = accuracy(worth[0], float(np.hypot(deviation, cell.uneven * shift))) - accuracy(worth[-1], deviation)
    return Table(right[0], right[1:], groups, truth)


def known(cell: Cell, table: Table, seed: int) -> Known:
    """What is known of the difference, by the very functions that compare rows."""
    if cell.seeds:
        return gain(table.trained, table.random, table.groups)
    return over_clips((table.trained - table.random[0])[np.newaxis], table.groups, DRAWS, seed)[0]


def outcomes(cell: Cell, seed: int) -> tuple[bool, bool, bool, bool]:
    """Of one table: called better, called so by its rank, the interval holds the truth, called practically equal."""
    table = drawn(cell, np.random.default_rng(seed))
    found = known(cell, table, seed)
    low, high = interval(found, CONFIDENCE)[1:]
    ranked = rank(table.trained.mean(), table.random.mean(axis=1).tolist()) <= ALPHA
    equal = max(found.below(-MARGIN), found.above(MARGIN)) <= ALPHA
    return found.below(0) <= ALPHA, bool(ranked), low <= table.truth <= high, equal


def rates(cell: Cell, number: int) -> Array:
    """Shares of tables for each of the `outcomes`."""
    seeds = range(number * TABLES, (number + 1) * TABLES)
    return np.array(Parallel(n_jobs=-1)(delayed(outcomes)(cell, seed) for seed in seeds)).mean(axis=0)


GAINS = [
    Cell(seeds, groups, each, spread)
    for seeds in (5, 19)
    for groups, each in ((200, 1), (40, 5))
    for spread in (0.0, 0.2)
]
PAIRS = [Cell(0, groups, each) for groups, each in ((200, 1), (1000, 1), (40, 5), (20, 10))]
EFFECTS = (0.02, 0.05, 0.1, 0.2)


def shape(cell: Cell) -> str:
    return f"{cell.groups * cell.each:,}" + (f" in {cell.groups} groups" if cell.grouped else "")


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def row(*parts: object) -> str:
    return f"| {' | '.join(map(str, parts))} |"


def equal_worth() -> Iterator[str]:
    """Error rates and coverage where no network is better."""
    yield row("compared", "clips", "spread of worth", "better, %", "by rank, %", "coverage, %")
    yield row(*["---"] * 6)
    for number, cell in enumerate(GAINS + PAIRS):
        better, ranked, covered, _ = rates(cell, number)
        what = f"pretrained with {cell.seeds} random" if cell.seeds else "two networks"
        by_rank = percent(ranked) if cell.seeds >= 1 / ALPHA - 1 else ""
        yield row(what, shape(cell), cell.spread if cell.seeds else "", percent(better), by_rank, percent(covered))


def power() -> Iterator[str]:
    """How often a true difference is found, and its interval's coverage where it differs among groups."""
    yield row("compared", "clips", *(f"+{100 * effect:g} points" for effect in EFFECTS), "coverage, %")
    yield row(*["---"] * (3 + len(EFFECTS)))
    for number, cell in enumerate([*(cell for cell in GAINS if cell.spread), *PAIRS], 100):
        found = [
            rates(replace(cell, effect=effect, uneven=0.5), 10 * number + index) for index, effect in enumerate(EFFECTS)
        ]
        what = f"pretrained with {cell.seeds} random" if cell.seeds else "two networks"
        covered = [one[2] for one in found]
        yield row(
            what,
            shape(cell),
            *(percent(one[0]) for one in found),
            f"{percent(min(covered))} to {percent(max(covered))}",
        )


def equivalence() -> Iterator[str]:
    """How often a difference of just the margin is called practically equal, and how often none is."""
    yield row("clips", "true difference: the margin, %", "none, %")
    yield row(*["---"] * 3)
    for number, cell in enumerate([replace(PAIRS[0], groups=count) for count in (1000, 5000, 20_000)], 3000):
        at_margin = rates(replace(cell, effect=MARGIN), 2 * number)[3]
        yield row(shape(cell), percent(at_margin), percent(rates(cell, 2 * number + 1)[3]))


if __name__ == "__main__":
    for line in (*equal_worth(), *power(), *equivalence()):
        sys.stdout.write(line + "\n")
