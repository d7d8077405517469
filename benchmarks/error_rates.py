"""What the comparison says of simulated score tables, and how often it is wrong."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from score_tables import MODELS, Array, Cell, Table

from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.distributions import difference, score
from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.sample import Sample, Scores
from trajprobe.compare.seeds import rank_p_value
from trajprobe.compare.verdicts import Hypothesis, Sign, judge

TABLES, FAMILIES = 2000, 1000
ALPHA, CONFIDENCE, MARGIN, FAMILY = 0.05, 0.95, 0.02, 11
ACCURACY = METRICS["accuracy"]


def sample(cell: Cell) -> Sample:
    groups = cell.groups
    return Sample(np.zeros_like(groups), groups, np.zeros_like(groups))


def scores(correct: Array, of: Sample) -> Scores:
    """Accuracies of networks, as the comparison has them."""
    predictions = (1 - correct).astype(np.int64)  # the label of all clips is 0
    left_out = jackknife(of.labels, predictions, of.groups, {"accuracy": ACCURACY})["accuracy"]
    return Scores(correct.mean(axis=1), left_out, correct)


def outcome(cell: Cell, model: Callable[[Cell, np.random.Generator], Table], seed: int) -> tuple[bool, ...]:
    """Of one table, by the very functions that compare rows, in the order of `OUTCOMES`."""
    table, of = model(cell, np.random.default_rng(seed)), sample(cell)
    first, second, weights = scores(table.first, of), scores(table.second, of), of.weights("accuracy")
    found = difference(first, second, weights, further=not cell.control)
    low, high = confidence_interval(found, CONFIDENCE)[1:]
    lowest, highest = confidence_interval(score(second, weights), CONFIDENCE)[1:]
    return (
        found.p_greater(0) <= ALPHA,
        found.p_less(0) <= ALPHA,
        max(found.p_greater(-MARGIN), found.p_less(MARGIN)) <= ALPHA,
        low <= table.difference <= high,
        lowest <= table.accuracy <= highest,
        rank_p_value(float(first.values[0]), second.values.tolist()) <= ALPHA,
    )


OUTCOMES = ("better", "worse", "equal", "covered", "accuracy covered", "ranked")


def rates(cell: Cell, *names: str) -> Iterator[str]:
    """In %, the shares of tables of both models with each of these outcomes."""
    seed = zlib.crc32(repr(cell).encode())
    found = [
        np.mean(Parallel(n_jobs=-1)(delayed(outcome)(cell, model, seed + one) for one in range(TABLES)), axis=0)
        for model in MODELS
    ]
    for name in names:
        yield " / ".join(percent(shares[OUTCOMES.index(name)]) for shares in found)


def family(cell: Cell, others: float, ahead: float, seed: int) -> tuple[float, bool]:
    """A table of eleven differences: the first one's detectable difference, and whether it is called better.

    Args:
        cell: of all of them.
        others: true difference of the other ten.
        ahead: of the first one.
        seed: of the table.
    """
    hypotheses = []
    for number in range(FAMILY):
        own = replace(cell, effect=others if number else ahead)
        drawn, of = MODELS[0](own, np.random.default_rng([seed, number])), sample(own)
        first, second, weights = scores(drawn.first, of), scores(drawn.second, of), of.weights("accuracy")
        hypotheses.append(Hypothesis(difference(first, second, weights, further=not own.control), 0.5, ""))
    verdict = judge(hypotheses, ALPHA, MARGIN, CONFIDENCE)[0]
    return float(verdict.detectable_difference or 0.0), verdict.sign is Sign.BETTER


def detected(cell: Cell, others: float) -> tuple[float, float]:
    """The mean detectable difference of tables of eleven without one, and how often it is found where it is there.

    Args:
        cell: of all differences of a table.
        others: true difference of the other ten.
    """
    without = Parallel(n_jobs=-1)(delayed(family)(cell, others, 0.0, seed) for seed in range(FAMILIES))
    size = float(np.mean([said for said, _ in without]))
    seeds = range(FAMILIES, 2 * FAMILIES)
    found = Parallel(n_jobs=-1)(delayed(family)(cell, others, size, seed) for seed in seeds)
    return size, float(np.mean([better for _, better in found]))


def percent(share: float) -> str:
    return f"{100 * share:.1f}"
