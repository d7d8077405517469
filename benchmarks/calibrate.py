"""python benchmarks/calibrate.py: how often the verdicts are wrong; writes docs/calibration.md.

A score table holds which clips each network gets right. Networks, clips and groups are drawn from a model whose truth
is known:

    logit P(network j gets clip i of group g right) = w_j + d_i + e_g + u_jg

w_j the network's worth, d_i and e_g how easy clip and group are, u_jg how the network does on the group. A network's
true accuracy is the mean over all clips and groups that there could be.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from msgspec.structs import replace as replace_struct
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.compare.bootstrap import bootstrap
from trajprobe.compare.comparison import Compare, compare
from trajprobe.compare.confidence import BootstrapDistribution, ConfidenceDistribution, confidence_interval
from trajprobe.compare.leaks import STOP
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.scored import Variant
from trajprobe.compare.seeds import gain, rank_p_value
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe, VariantProbe
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import CodeLength, FewShot, Probe

Array = NDArray[np.float64]
TABLES, RUNS = 2000, 100
CLASSES, DIMENSIONS, LAYER = 5, 16, "features"
ALPHA, CONFIDENCE, MARGIN, DRAWS = 0.05, 0.95, 0.02, 1000
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
    def clip(self) -> float:
        """Standard deviation of how easy a clip is beyond its group."""
        return 1.0

    @property
    def group(self) -> tuple[float, float]:
        """Standard deviations of how easy a group is, and how much a network's luck there varies."""
        return (1.0, 0.5) if self.each > 1 else (0.0, 0.0)


def accuracy(worth: float, deviation: float) -> float:
    """True accuracy of a network: the mean of expit over a normal distribution of logits."""
    return float(special.expit(worth + deviation * NODES) @ WEIGHTS / WEIGHTS.sum())


@dataclass(frozen=True)
class Table:
    """Which clips are right, and the truth about the networks."""

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
    right = (generator.random(logits.shape) < special.expit(logits)).astype(np.float64)
    truth = accuracy(worth[0], float(np.hypot(deviation, cell.uneven * shift))) - accuracy(worth[-1], deviation)
    return Table(right[0], right[1:], groups, truth)


def difference(cell: Cell, table: Table, seed: int) -> ConfidenceDistribution:
    """The difference of accuracies, by the very functions that compare rows."""
    one_class = np.ones(len(table.groups), dtype=np.int64)
    if cell.seeds:
        return gain(table.trained, table.random, table.groups, one_class)
    pair = np.stack([table.trained, table.random[0]]).astype(np.int64)
    metrics = {"accuracy": METRICS["accuracy"]}
    first, second = bootstrap(one_class, pair, table.groups, metrics, DRAWS, seed)["accuracy"]
    mean = float(table.trained.mean() - table.random[0].mean())
    return BootstrapDistribution(mean, np.sort(first - second), cell.groups)


def outcomes(cell: Cell, seed: int) -> tuple[bool, bool, bool, bool]:
    """Of one table: called better, called so by its rank, the interval holds the truth, called practically equal."""
    table = drawn(cell, np.random.default_rng(seed))
    found = difference(cell, table, seed)
    low, high = confidence_interval(found, CONFIDENCE)[1:]
    ranked = rank_p_value(table.trained.mean(), table.random.mean(axis=1).tolist()) <= ALPHA
    equal = max(found.p_greater(-MARGIN), found.p_less(MARGIN)) <= ALPHA
    return found.p_greater(0) <= ALPHA, bool(ranked), low <= table.truth <= high, equal


def rates(cell: Cell, number: int) -> Array:
    """Shares of tables for each of the `outcomes`."""
    seeds = range(number * TABLES, (number + 1) * TABLES)
    found: Array = np.array(Parallel(n_jobs=-1)(delayed(outcomes)(cell, seed) for seed in seeds)).mean(axis=0)
    return found


GAINS = [
    Cell(seeds, groups, each, spread)
    for seeds in (5, 19)
    for groups, each in ((200, 1), (40, 5))
    for spread in (0.0, 0.2)
]
PAIRS = [Cell(0, groups, each) for groups, each in ((200, 1), (1000, 1), (40, 5), (20, 10))]
EFFECTS = (0.02, 0.05, 0.1, 0.2)


def shape(cell: Cell) -> str:
    return f"{cell.groups * cell.each:,}" + (f" in {cell.groups} groups" if cell.each > 1 else "")


def compared(cell: Cell) -> str:
    return f"pretrained with {cell.seeds} random" if cell.seeds else "two networks"


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def row(*parts: object) -> str:
    return f"| {' | '.join(map(str, parts))} |"


def equal_worth() -> Iterator[str]:
    """Error rates and coverage where no network is better."""
    yield row("compared", "clips", "spread of worth", "called better", "by rank", "coverage")
    yield row(*["---"] * 6)
    for number, cell in enumerate(GAINS + PAIRS):
        better, ranked, covered, _ = rates(cell, number)
        by_rank = percent(ranked) if cell.seeds >= 1 / ALPHA - 1 else ""
        spread = cell.spread if cell.seeds else ""
        yield row(compared(cell), shape(cell), spread, percent(better), by_rank, percent(covered))


def power() -> Iterator[str]:
    """How often a true difference is found, and its interval's coverage, where it differs among groups."""
    yield row("compared", "clips", *(f"+{100 * effect:g} points" for effect in EFFECTS), "coverage")
    yield row(*["---"] * (3 + len(EFFECTS)))
    for number, cell in enumerate([*(cell for cell in GAINS if cell.spread), *PAIRS], 10):
        found = [
            rates(replace(cell, effect=effect, uneven=0.5), 10 * number + place) for place, effect in enumerate(EFFECTS)
        ]
        covered = [one[2] for one in found]
        held = f"{percent(min(covered))} to {percent(max(covered))}"
        yield row(compared(cell), shape(cell), *(percent(one[0]) for one in found), held)


def equivalence() -> Iterator[str]:
    """How often a difference of just the margin is called practically equal, and how often none is."""
    yield row("clips", f"difference of {100 * MARGIN:g} points", "no difference")
    yield row(*["---"] * 3)
    for number, groups in enumerate((1000, 4000), 1000):
        cell = Cell(0, groups, 1)
        at_margin = rates(replace(cell, effect=MARGIN), 2 * number)[3]
        yield row(shape(cell), percent(at_margin), percent(rates(cell, 2 * number + 1)[3]))


def nothing(seed: int, groups: int, each: int) -> tuple[bool, bool, bool, bool]:
    """Features that carry nothing, probed and compared as the stages do it.

    Every clip of a group has its group's label and place in feature space, so that a probe which saw the group would
    know the label. Returns whether the gain is called better, whether its interval holds no difference at all, whether
    there is a warning of a row away from chance, and whether one is so far from it that the run would stop.
    """
    generator = np.random.default_rng(seed)
    values = read()
    params = replace_struct(
        section(values, Probe, "probe"),
        few_shot=FewShot(0, 1.0),
        code_length=CodeLength(0, (1.0,)),
        seed=seed,
    )
    of_group = np.repeat(np.arange(groups), each)
    labels = (np.arange(groups) % CLASSES)[of_group]
    folds = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, tested) in enumerate(splitter.split(labels, labels, of_group)):
        folds[tested] = fold
    labelling = Labelling(labels, np.arange(CLASSES).astype(str), of_group, folds, "nothing", 0)

    def variant(network: str, networks: int) -> VariantProbe:
        features = [
            generator.normal(size=(groups, DIMENSIONS))[of_group] + generator.normal(size=(len(labels), DIMENSIONS))
            for _ in range(networks)
        ]
        (probes,) = probe_networks([VariantFeatures(features, in_full=True)], labelling, params, network)
        return VariantProbe(
            network=network, input="plain", layer=LAYER, shape=[1, DIMENSIONS], pca=0, frames=1, trained_frames=None,
            equal_dimensions=DIMENSIONS, networks=probes, features=[],
        )  # fmt: skip

    def probed(name: str, *variants: VariantProbe) -> RowProbe:
        return RowProbe(
            row=name, family=name, labelling="nothing", classifier=params.classifier, shots=[], coded_clips=len(labels),
            uniform_bits=1.0, variants=list(variants),
        )  # fmt: skip

    rows = [probed("net", variant("pretrained", 1), variant("random", 5)), probed("noise", variant("none", 1))]
    settings = replace_struct(section(values, Compare, "compare"), primary="net", leaks="warn", seed=seed)
    found = compare(rows, {"noise": "net"}, "accuracy", labelling, settings)
    gained = found.gains[Variant("net", "pretrained", "plain", LAYER)].verdict
    low, high = gained.difference[1:]
    away = [test.p_value for test in found.leaks]
    return gained.sign > 0, low <= 0 <= high, bool(away), any(p < STOP for p in away)


def end_to_end() -> Iterator[str]:
    """Whole runs of probes and comparison over features that carry nothing."""
    yield row("clips", "called better", "coverage", "a warning", "stopped")
    yield row(*["---"] * 5)
    for groups, each in ((200, 1), (40, 5)):
        runs = Parallel(n_jobs=-1)(delayed(nothing)(seed, groups, each) for seed in range(RUNS))
        yield row(shape(Cell(0, groups, each)), *(percent(share) for share in np.array(runs).mean(axis=0)))


TEXT = f"""# Calibration

How often the verdicts are wrong, and how often they find what is there; all in %. Made by `make calibrate`, which runs
the very functions that compare rows (`src/trajprobe/compare`) over {TABLES:,} simulated score tables a cell; their
model is in [benchmarks/calibrate.py](../benchmarks/calibrate.py). The standard error of a rate of 5 % is
{100 * np.sqrt(0.05 * 0.95 / TABLES):.1f} points. Groups share how easy they are and how a network does on them.

## No network is better

One-sided tests at {100 * ALPHA:g} % and intervals at {100 * CONFIDENCE:g} %, which is what the rates of "better" and
the coverage should come to. The spread is the standard deviation of random networks' worth, in logits: 0.2 is some 4
points of accuracy. The pretrained network is one more draw of the same.

{{equal_worth}}

## One is better

How often it is called so. The true difference varies over groups by half of its mean. The spread is 0.2.

{{power}}

## Practically equal

How often two networks are called so, within a margin of {100 * MARGIN:g} points: where they differ by the margin
itself, it is an error.

{{equivalence}}

## Features that carry nothing

The whole chain, {RUNS} runs a line, from features drawn at random to the verdict: nested selection, permuted labels,
comparison. A warning is for any row whose permuted labels or noise are away from chance at {100 * ALPHA:g} %, a stop at
p < {STOP:g}, both after Holm over the rows. A run judges two differences, Holm's method included. The standard error
of 5 % is {100 * np.sqrt(0.05 * 0.95 / RUNS):.1f} points.

{{end_to_end}}
"""

if __name__ == "__main__":
    os.environ |= {"TRAJPROBE_WORKERS": "1", "TQDM_DISABLE": "1"}  # of the processes that `Parallel` starts
    parts = {part.__name__: "\n".join(part()) for part in (equal_worth, power, equivalence, end_to_end)}
    PAGE.write_text(TEXT.format(**parts))
    sys.stdout.write(PAGE.read_text())
