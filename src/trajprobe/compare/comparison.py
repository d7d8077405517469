"""Compares the rows on the same clips.

What the user asked, gains and rows held against each other, is one family of tests. Perturbations say why a row is as
good as it is: they are diagnostics, a family of their own. So are the arrow of time, robustness, and the attentive
probe.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from trajprobe.compare.arrow_of_time import ArrowOfTime, arrows
from trajprobe.compare.confidence import Estimate, confidence_interval
from trajprobe.compare.distributions import difference
from trajprobe.compare.estimates import estimates, metric_distribution
from trajprobe.compare.hypotheses import (
    Pair,
    baselines,
    difference_hypothesis,
    every_pair,
    main_variants,
    references,
)
from trajprobe.compare.leaks import ChanceTest, leaks, refuse
from trajprobe.compare.robustness import Robustness, robustness
from trajprobe.compare.sample import ClipMeans, Sample
from trajprobe.compare.scored import ScoredVariant, Variant, scored_variants
from trajprobe.compare.seeds import rank_p_value, share_of_gain
from trajprobe.compare.verdicts import Verdict, judge
from trajprobe.files.feature_shards import CHOSEN, level_of
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import Parameters

#: The guards' name for uneven classes: a classifier can be accurate there by the largest ones alone.
IMBALANCE = "class imbalance"


class Compare(Parameters, frozen=True):
    """What is compared, and how (`compare` in params.yaml)."""

    primary: str  #: the row that `headline` shows, and that other rows are held against
    pairs: Literal["reference", "all"]  #: each row is held against one other, or all pairs are, as one family of tests
    # Below 1e-6 no Student's t from a few seeds says anything.
    alpha: Annotated[float, Meta(ge=1e-6, lt=0.5)]  #: of the one-sided tests behind "better" and "worse"
    margin: Annotated[float, Meta(ge=1e-6, lt=1.0)]  #: accuracies that differ by less are practically equal
    leaks: Literal["stop", "warn"]  #: what noise or permuted labels away from chance do to the run
    confidence: Annotated[float, Meta(gt=0.5, le=0.9999)]  #: of all intervals
    reversals: dict[str, tuple[tuple[str, str], ...]]  #: by data set, pairs of classes that are each other's reversal


@dataclass(frozen=True)
class Gain:
    """What pretraining gives a row over random weights."""

    baseline: Variant  #: the random networks
    verdict: Verdict  #: on pretrained minus random
    rank_p_value: float | None  #: of its rank among the random networks, where these are enough to reach `alpha`
    area: Estimate | None  #: of the areas under the few-shot curves, likewise
    code_length: Estimate | None  #: of the bits per clip, likewise; below 0 is better


@dataclass(frozen=True)
class Difference:
    """A variant held against another."""

    reference: Variant
    verdict: Verdict  #: on the reference minus the variant
    share_of_gain: Estimate | None  #: how much of the reference's gain over random weights the variant has


@dataclass(frozen=True)
class AttentiveProbe:
    """Of a network, or of several seeds of one."""

    score: Estimate  #: by the metric that verdicts are on
    gain: Verdict | None  #: on pretrained minus random, where the row has both


@dataclass(frozen=True)
class Comparison:
    """All results; what is by variant is in the order of the rows."""

    variants: dict[Variant, ScoredVariant]
    main: dict[str, Variant]  #: by row, the variant that stands for it
    estimates: dict[Variant, dict[str, Estimate]]  #: by metric; of several random networks, of a further one
    metric: str  #: that verdicts are on
    gains: dict[Variant, Gain]  #: of pretrained networks whose row has random ones
    differences: dict[Variant, Difference]  #: of perturbed variants, and of each row but the primary one
    pairs: dict[Pair, Verdict]  #: of all pairs of rows, where these are asked for
    arrows: dict[Variant, ArrowOfTime]  #: of variants that saw the clips backwards too
    robustness: dict[Variant, Robustness]  #: of variants that saw cluttered clips too
    layers: dict[Variant, Estimate]  #: by `metric`, of each layer and pooling of the rows that have several
    attentive: dict[Variant, AttentiveProbe]  #: of the rows that keep tokens
    leaks: list[ChanceTest]
    labelling: Labelling
    chance: float  #: the share of the most frequent class among tested clips


def deciding_metric(findings: Iterable[Finding]) -> str:
    """What verdicts are on: balanced accuracy where the guards found uneven classes, else accuracy."""
    return "balanced_accuracy" if any(finding.name == IMBALANCE for finding in findings) else "accuracy"


def compare(
    probes: Iterable[RowProbe],
    against: dict[str, str],
    metric: str,
    labelling: Labelling,
    params: Compare,
    reversals: Sequence[tuple[int, int]] = (),
) -> Comparison:
    """Scores all rows and their differences.

    Args:
        probes: of all rows that params.yaml names.
        against: by row, the row that it is held against; the primary one is held against none.
        metric: `accuracy` or `balanced_accuracy`: what verdicts are on.
        labelling: of the clips.
        params: the comparison's.
        reversals: pairs of labels whose clips are each other's reversal.

    Raises:
        UserError: a row was probed on other clips; all clips are of one group; or a row that must be at chance is not.
    """
    sample = Sample.of(labelling)
    every = {scored.variant: scored for row in probes for scored in scored_variants(row, labelling)}
    # What a row of several layers is worth is what it has with a layer that was chosen inside train. The best one of
    # all, seen from the tested clips, would be chosen by them.
    chosen = {of.row for of in every if of.layer == CHOSEN}
    tokens = {of: scored for of, scored in every.items() if of.is_unpooled}
    cluttered = {of: scored for of, scored in every.items() if level_of(of.input) is not None}
    pooled = {of: scored for of, scored in every.items() if not of.is_unpooled and of not in cluttered}
    variants = {of: scored for of, scored in pooled.items() if of.row not in chosen or of.layer == CHOSEN}
    failed = leaks(list(variants.values()), sample.labels, sample.folds, params.alpha)
    if params.leaks == "stop":
        refuse(failed)
    randoms, held = baselines(variants), references(variants, against)
    gains = list(randoms.items())
    rows: list[Pair] = [(held[of], of) for of in held if not of.is_perturbed]
    if params.pairs == "all":
        rows = every_pair(variants, held)
    diagnostics: list[Pair] = [(held[of], of) for of in held if of.is_perturbed]
    verdicts: dict[Pair, Verdict] = {}
    for family in ([*gains, *rows], diagnostics):
        hypotheses = [difference_hypothesis(variants[one], variants[other], metric, sample) for one, other in family]
        judged = judge(hypotheses, params.alpha, params.margin, params.confidence, sample.shortage(metric))
        verdicts |= zip(family, judged, strict=True)

    def share(reference: Variant, of: Variant) -> Estimate | None:
        """None for what has a gain of its own, and where the reference has none for certain."""
        random = randoms.get(reference)
        if of in randoms or variants[of].probe.trained_frames is None or random is None:
            return None
        gained = verdicts[reference, random]
        if gained.p_value is None or gained.difference.ci_low <= 0:
            return None
        other, trained, base = (variants[kind].scores[metric] for kind in (of, reference, random))
        trained = trained.first if of.is_perturbed else trained
        return share_of_gain(other, trained, base, sample.weights(metric), params.confidence)

    return Comparison(
        variants=variants,
        main=main_variants(variants),
        estimates={
            variant: estimates(scored, sample, params.confidence, reversals) for variant, scored in variants.items()
        },
        metric=metric,
        gains={
            trained: _gain(variants[trained], variants[random], verdicts[trained, random], metric, params)
            for trained, random in gains
        },
        differences={of: Difference(held[of], verdicts[held[of], of], share(held[of], of)) for of in held},
        pairs={pair: verdicts[pair] for pair in rows} if params.pairs == "all" else {},
        arrows=arrows(variants, randoms, sample, params.alpha, params.margin, params.confidence),
        robustness=robustness(
            variants, cluttered, randoms, metric, sample, params.alpha, params.margin, params.confidence
        ),
        layers={of: _score(scored, metric, sample, params) for of, scored in pooled.items() if of not in variants},
        attentive=attentive(tokens, metric, sample, params),
        leaks=failed,
        labelling=labelling,
        chance=float(np.bincount(sample.labels).max() / len(sample.labels)),
    )


def attentive(
    variants: Mapping[Variant, ScoredVariant], metric: str, sample: Sample, params: Compare
) -> dict[Variant, AttentiveProbe]:
    """The attentive probes of `variants`: a further question, so that their gains are a family of their own."""
    pairs = baselines(variants)
    hypotheses = [difference_hypothesis(variants[of], variants[random], metric, sample) for of, random in pairs.items()]
    judged = judge(hypotheses, params.alpha, params.margin, params.confidence, sample.shortage(metric))
    gains = dict(zip(pairs, judged, strict=True))
    return {
        of: AttentiveProbe(_score(scored, metric, sample, params), gains.get(of)) for of, scored in variants.items()
    }


def _score(scored: ScoredVariant, metric: str, sample: Sample, params: Compare) -> Estimate:
    return confidence_interval(metric_distribution(scored, metric, sample), params.confidence)


def _gain(trained: ScoredVariant, random: ScoredVariant, verdict: Verdict, metric: str, params: Compare) -> Gain:
    """Several trained networks have no rank: each would have its own."""
    values, seeds = trained.scores[metric].values, random.scores[metric].values
    ranked = len(values) == 1 and 1 / (len(seeds) + 1) <= params.alpha
    return Gain(
        baseline=random.variant,
        verdict=verdict,
        rank_p_value=rank_p_value(float(values[0]), seeds.tolist()) if ranked else None,
        area=_mean_difference(trained.area, random.area, params.confidence),
        code_length=_mean_difference(trained.code_length, random.code_length, params.confidence),
    )


def _mean_difference(trained: ClipMeans | None, random: ClipMeans | None, confidence: float) -> Estimate | None:
    if trained is None or random is None:
        return None
    return confidence_interval(difference(trained.scores, random.scores, random.weights, further=True), confidence)
