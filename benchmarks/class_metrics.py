"""Error rates and coverage of metrics in which classes count alike, on simulated predictions of uneven classes."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from error_rates import ALPHA, CONFIDENCE, TABLES, percent
from joblib import Parallel, delayed
from score_tables import MODELS, Cell

from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.distributions import difference, score
from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.sample import Sample, Scores

OUTCOMES = ("better", "worse", "covered", "score covered")


@dataclass(frozen=True)
class Classes:
    """Predictions of classes of these sizes."""

    sizes: tuple[int, ...]  #: clips of each class
    metric: str
    seeds: int = 1  #: networks of the second row
    accuracy: float = 0.5
    spread: float = 0.2  #: standard deviation of networks' worth, in logits


def outcome(classes: Classes, model: int, seed: int) -> tuple[bool, ...]:
    """Of one table: wrong predictions are of any other class."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(classes.sizes)), classes.sizes))
    cell = Cell((1,) * len(labels), 1, classes.seeds, classes.spread, accuracy=classes.accuracy)
    table = MODELS[model](cell, generator)
    other = generator.integers(1, len(classes.sizes), (1 + classes.seeds, len(labels)))
    right = np.concatenate([table.first, table.second])
    predictions = np.where(right > 0, labels, (labels + other) % len(classes.sizes))
    metric, sample = METRICS[classes.metric], Sample(labels, np.arange(len(labels)), np.zeros_like(labels))
    left_out = jackknife(labels, predictions, sample.groups, {classes.metric: metric})[classes.metric]
    values = np.array([metric(labels, row) for row in predictions])
    first, second = (Scores(values[of], left_out[of], right[of]) for of in (slice(1), slice(1, None)))
    weights = sample.weights(classes.metric)
    found = difference(first, second, weights, further=True)
    low, high = confidence_interval(found, CONFIDENCE)[1:]
    lowest, highest = confidence_interval(score(second, weights), CONFIDENCE)[1:]
    expected = [truth(classes, share) for share in (table.accuracy + table.difference, table.accuracy)]
    return (
        found.p_greater(0) <= ALPHA,
        found.p_less(0) <= ALPHA,
        low <= expected[0] - expected[1] <= high,
        lowest <= expected[1] <= highest,
    )


def truth(classes: Classes, accuracy: float) -> float:
    """The metric of a network that is right on this share of every class, for any number of clips of such classes."""
    if classes.metric != "macro_f1":
        return accuracy
    share = np.array(classes.sizes) / sum(classes.sizes)
    predicted = share * accuracy + (1 - share) * (1 - accuracy) / (len(share) - 1)
    return float(np.mean(2 * share * accuracy / (share + predicted)))


def rates(classes: Classes) -> Iterator[str]:
    """In %, the shares of tables of both models with each of `OUTCOMES`."""
    seed = zlib.crc32(repr(classes).encode())
    found = [
        np.mean(Parallel(n_jobs=-1)(delayed(outcome)(classes, model, seed + one) for one in range(TABLES)), axis=0)
        for model in range(len(MODELS))
    ]
    for place in range(len(OUTCOMES)):
        yield " / ".join(percent(shares[place]) for shares in found)
