"""Compares the rows on the same clips, and judges all differences as one family."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from trajprobe.compare.bootstrap import bootstrap
from trajprobe.compare.confidence import (
    BootstrapDistribution,
    Estimate,
    StudentDistribution,
    confidence_interval,
)
from trajprobe.compare.hypotheses import (
    Sample,
    baselines,
    difference_hypothesis,
    gain_hypothesis,
    main_variants,
    references,
)
from trajprobe.compare.leaks import ChanceTest, leaks, refuse
from trajprobe.compare.metrics import METRICS, Array
from trajprobe.compare.scored import ScoredVariant, Variant, scored_variants
from trajprobe.compare.seeds import next_seed, rank_p_value
from trajprobe.compare.verdicts import Verdict, judge
from trajprobe.files import memory
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import Parameters, Seed

#: The guards' name for uneven classes: a classifier can be accurate there by the largest ones alone.
IMBALANCE = "class imbalance"
#: Copies of the drawn values as float64 that are in memory at once: themselves, and sorted ones.
DRAWS_COPIES = 2


class Compare(Parameters, frozen=True):
    """What is compared, and how (`compare` in params.yaml)."""

    primary: str  #: the row that `headline` shows, and that other rows are held against
    # Below 1e-6 no bootstrap and no Student's t from a few seeds says anything.
    alpha: Annotated[float, Meta(ge=1e-6, lt=0.5)]  #: of the one-sided tests behind "better" and "worse"
    margin: Annotated[float, Meta(ge=1e-6, lt=1.0)]  #: accuracies that differ by less are practically equal
    leaks: Literal["stop", "warn"]  #: what noise or permuted labels away from chance do to the run
    draws: Annotated[int, Meta(ge=1000, le=10**7)]  #: of the bootstrap over clips
    confidence: Annotated[float, Meta(gt=0.5, le=0.9999)]  #: of all intervals
    seed: Seed


@dataclass(frozen=True)
class Gain:
    """What pretraining gives a row over random weights."""

    baseline: Variant  #: the random networks
    verdict: Verdict  #: on pretrained minus random
    rank_p_value: float | None  #: of its rank among the random networks, where these are enough to reach `alpha`
    few_shot_area: Estimate | None  #: of the areas under the few-shot curves, minus a further random network's
    code_length: Estimate | None  #: bits per clip minus a further random network's; below 0 is better


@dataclass(frozen=True)
class Difference:
    """A variant held against another."""

    reference: Variant
    verdict: Verdict  #: on the reference minus the variant


@dataclass(frozen=True)
class Comparison:
    """All results; what is by variant is in the order of the rows."""

    variants: dict[Variant, ScoredVariant]
    main: dict[str, Variant]  #: by row, the variant that stands for it
    estimates: dict[Variant, dict[str, Estimate]]  #: by metric; of random networks over seeds, of others over clips
    metric: str  #: that verdicts are on
    gains: dict[Variant, Gain]  #: of pretrained networks whose row has random ones
    differences: dict[Variant, Difference]  #: of perturbed variants, and of each row but the primary one
    leaks: list[ChanceTest]
    labelling: Labelling
    chance: float  #: the share of the most frequent class among tested clips


def deciding_metric(findings: Iterable[Finding]) -> str:
    """What verdicts are on: balanced accuracy where the guards found uneven classes, else accuracy."""
    return "balanced_accuracy" if any(finding.name == IMBALANCE for finding in findings) else "accuracy"


def compare(
    probes: Iterable[RowProbe], against: dict[str, str], metric: str, labelling: Labelling, params: Compare
) -> Comparison:
    """Scores all rows and their differences.

    Args:
        probes: of all rows that params.yaml names.
        against: by row, the row that it is held against; the primary one is held against none.
        metric: `accuracy` or `balanced_accuracy`: what verdicts are on.
        labelling: of the clips.
        params: the comparison's.

    Raises:
        UserError: a row was probed on other clips; all clips are of one group; or a row that must be at chance is not.
    """
    sample = Sample.of(labelling)
    variants = {scored.variant: scored for row in probes for scored in scored_variants(row, labelling)}
    failed = leaks(list(variants.values()), sample.labels, sample.folds, params.alpha)
    if params.leaks == "stop":
        refuse(failed)
    randoms, pairs = baselines(variants), references(variants, against)
    draws = _draws(variants, {*pairs, *pairs.values()}, sample, params)
    family = [
        gain_hypothesis(variants[trained], variants[random], metric, sample) for trained, random in randoms.items()
    ]
    family += [
        difference_hypothesis(variants[reference], variants[variant], draws[metric], metric, sample)
        for variant, reference in pairs.items()
    ]
    verdicts = judge(family, params.alpha, params.margin, params.confidence)
    return Comparison(
        variants=variants,
        main=main_variants(variants),
        estimates={variant: _estimates(scored, draws, sample, params) for variant, scored in variants.items()},
        metric=metric,
        gains={
            trained: _gain(variants[trained], variants[random], verdict, metric, params)
            for (trained, random), verdict in zip(randoms.items(), verdicts[: len(randoms)], strict=True)
        },
        differences={
            variant: Difference(reference, verdict)
            for (variant, reference), verdict in zip(pairs.items(), verdicts[len(randoms) :], strict=True)
        },
        leaks=failed,
        labelling=labelling,
        chance=float(np.bincount(sample.labels).max() / len(sample.labels)),
    )


def _draws(
    variants: dict[Variant, ScoredVariant], compared: Collection[Variant], sample: Sample, params: Compare
) -> dict[str, dict[Variant, Array]]:
    """By metric and variant, its values (networks draws) on drawn clips, the same clips for all.

    Random networks have their intervals over seeds: they are drawn only where they are `compared`.
    """
    resampled = {
        variant: scored for variant, scored in variants.items() if variant in compared or not variant.has_seeds
    }
    if not resampled:
        return {name: {} for name in METRICS}
    predictions = np.concatenate([scored.predictions for scored in resampled.values()])
    size = DRAWS_COPIES * 8 * params.draws * len(METRICS) * len(predictions)
    memory.require(size, "params.yaml: `compare.draws`", "lower it, or compare fewer rows")
    values = bootstrap(sample.labels, predictions, sample.groups, METRICS, params.draws, params.seed)
    ends = np.cumsum([len(scored.predictions) for scored in resampled.values()])[:-1]
    return {name: dict(zip(resampled, np.split(rows, ends), strict=True)) for name, rows in values.items()}


def _estimates(
    scored: ScoredVariant, draws: dict[str, dict[Variant, Array]], sample: Sample, params: Compare
) -> dict[str, Estimate]:
    """Each metric with its interval, which ends where the metric does."""
    estimates = {}
    for name, metric in METRICS.items():
        values = scored.scores[name]
        if scored.variant.has_seeds:
            estimate = confidence_interval(next_seed(values), params.confidence)
        else:
            sorted_draws = np.sort(draws[name][scored.variant][0])
            distribution = BootstrapDistribution(float(values[0]), sorted_draws, sample.group_count)
            estimate = confidence_interval(distribution, params.confidence)
        estimates[name] = Estimate(*np.clip(estimate, metric.lowest, metric.highest).tolist())
    return estimates


def _gain(trained: ScoredVariant, random: ScoredVariant, verdict: Verdict, metric: str, params: Compare) -> Gain:
    rank = rank_p_value(trained.scores[metric][0], random.scores[metric].tolist())
    return Gain(
        baseline=random.variant,
        verdict=verdict,
        rank_p_value=rank if 1 / (len(random.correct) + 1) <= params.alpha else None,
        few_shot_area=_minus_next_seed(trained.areas, random.areas, params.confidence),
        code_length=_minus_next_seed(trained.code_length, random.code_length, params.confidence),
    )


def _minus_next_seed(trained: Array, random: Array, confidence: float) -> Estimate | None:
    """A network's value (1) minus a further random one's, from those of some (s)."""
    if not len(random):
        return None
    seeds = next_seed(random)
    difference = StudentDistribution(float(trained[0]) - seeds.mean, seeds.standard_error, seeds.degrees_of_freedom)
    return confidence_interval(difference, confidence)
