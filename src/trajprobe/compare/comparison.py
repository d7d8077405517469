"""Compares the rows on the same clips.

What the user asked, gains and rows held against each other, is one family of tests. Perturbations say why a row is as
good as it is: they are diagnostics, a family of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from trajprobe.compare.confidence import Estimate, StudentDistribution, confidence_interval
from trajprobe.compare.distributions import score
from trajprobe.compare.hypotheses import baselines, difference_hypothesis, main_variants, references
from trajprobe.compare.leaks import ChanceTest, leaks, refuse
from trajprobe.compare.metrics import METRICS, Array
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import ScoredVariant, Variant, scored_variants
from trajprobe.compare.seeds import next_seed, rank_p_value
from trajprobe.compare.verdicts import Hypothesis, Verdict, judge
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import Parameters

#: The guards' name for uneven classes: a classifier can be accurate there by the largest ones alone.
IMBALANCE = "class imbalance"


class Compare(Parameters, frozen=True):
    """What is compared, and how (`compare` in params.yaml)."""

    primary: str  #: the row that `headline` shows, and that other rows are held against
    # Below 1e-6 no Student's t from a few seeds says anything.
    alpha: Annotated[float, Meta(ge=1e-6, lt=0.5)]  #: of the one-sided tests behind "better" and "worse"
    margin: Annotated[float, Meta(ge=1e-6, lt=1.0)]  #: accuracies that differ by less are practically equal
    leaks: Literal["stop", "warn"]  #: what noise or permuted labels away from chance do to the run
    confidence: Annotated[float, Meta(gt=0.5, le=0.9999)]  #: of all intervals


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
    estimates: dict[Variant, dict[str, Estimate]]  #: by metric; of a random network, of a further one
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
    gains = {
        trained: difference_hypothesis(variants[trained], variants[random], metric, sample)
        for trained, random in randoms.items()
    }
    rows, diagnostics = (
        {
            variant: difference_hypothesis(variants[reference], variants[variant], metric, sample)
            for variant, reference in pairs.items()
            if variant.is_perturbed == perturbed
        }
        for perturbed in (False, True)
    )
    questions = _judged([*gains.values(), *rows.values()], metric, sample, params)
    of_rows = dict(zip(rows, questions[len(gains) :], strict=True))
    of_rows |= zip(diagnostics, _judged([*diagnostics.values()], metric, sample, params), strict=True)
    return Comparison(
        variants=variants,
        main=main_variants(variants),
        estimates={variant: _estimates(scored, sample, params.confidence) for variant, scored in variants.items()},
        metric=metric,
        gains={
            trained: _gain(variants[trained], variants[random], verdict, metric, params)
            for (trained, random), verdict in zip(randoms.items(), questions[: len(gains)], strict=True)
        },
        differences={variant: Difference(reference, of_rows[variant]) for variant, reference in pairs.items()},
        leaks=failed,
        labelling=labelling,
        chance=float(np.bincount(sample.labels).max() / len(sample.labels)),
    )


def _judged(family: Sequence[Hypothesis], metric: str, sample: Sample, params: Compare) -> list[Verdict]:
    return judge(family, params.alpha, params.margin, params.confidence, sample.shortage(metric))


def _estimates(scored: ScoredVariant, sample: Sample, confidence: float) -> dict[str, Estimate]:
    """Each metric with its interval: of this network, or of a further random one."""
    return {
        name: confidence_interval(score(scores, sample.weights(name), METRICS[name]), confidence)
        for name, scores in scored.scores.items()
    }


def _gain(trained: ScoredVariant, random: ScoredVariant, verdict: Verdict, metric: str, params: Compare) -> Gain:
    rank = rank_p_value(float(trained.scores[metric].values[0]), random.scores[metric].values.tolist())
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
    difference = StudentDistribution(float(trained[0]) - seeds.mean, seeds.error, seeds.degrees_of_freedom)
    return confidence_interval(difference, confidence)
