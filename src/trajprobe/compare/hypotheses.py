"""The differences that are tested: gains over random weights, and rows and perturbations held against another row.

All are paired over clips. Where networks of several seeds are compared, these are a sample as the clips are.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

from trajprobe.compare.distributions import difference
from trajprobe.compare.sample import Sample, Scores
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.verdicts import Hypothesis
from trajprobe.files.feature_shards import NO_NETWORK, PRETRAINED, RANDOM

#: A variant, and one that it is held against: the difference is of the first minus the second.
Pair = tuple[Variant, Variant]
#: The network that stands for a row: the first of these that it has.
MAIN_NETWORKS = (PRETRAINED, NO_NETWORK, RANDOM)


def main_variants(variants: Iterable[Variant]) -> dict[str, Variant]:
    """By row, the variant that stands for it: the first of `MAIN_NETWORKS`, not perturbed."""
    plain = [variant for variant in variants if not variant.is_perturbed]
    first = sorted(plain, key=lambda variant: MAIN_NETWORKS.index(variant.network), reverse=True)
    return {variant.row: variant for variant in first}  # the last one of a row stays


def baselines(variants: Iterable[Variant]) -> dict[Variant, Variant]:
    """By pretrained variant, its row's random one, where there is one."""
    pairs = {variant: variant._replace(network=RANDOM) for variant in variants if variant.network == PRETRAINED}
    return {variant: random for variant, random in pairs.items() if random in variants}


def references(variants: Iterable[Variant], against: Mapping[str, str]) -> dict[Variant, Variant]:
    """By variant, the one that it is held against.

    A perturbed variant is held against its row's main one, and a row's main variant against that of the row `against`.
    """
    main = main_variants(variants)
    pairs = {}
    for variant in variants:
        if variant.is_perturbed:
            pairs[variant] = main[variant.row]
        elif variant == main[variant.row] and variant.row in against:
            pairs[variant] = main[against[variant.row]]
    return pairs


def every_pair(variants: Iterable[Variant], of_references: Mapping[Variant, Variant]) -> list[Pair]:
    """All pairs of rows, by their main variants, each once; where one is the other's reference, that one first."""
    main = sorted(main_variants(variants).values(), key=list(variants).index)
    return [
        (second, first) if of_references.get(first) == second else (first, second)
        for first, second in combinations(main, 2)
    ]


def difference_hypothesis(reference: ScoredVariant, scored: ScoredVariant, metric: str, sample: Sample) -> Hypothesis:
    """The reference minus another variant.

    A single network is held against a FURTHER random one: where its training gave it nothing, it is one more draw of
    them. Networks that were trained from several seeds count by their mean.
    """
    first, second = reference.scores[metric], scored.scores[metric]
    if scored.variant.is_perturbed:  # of the row's first network
        first = first.first
    further = RANDOM in (reference.variant.network, scored.variant.network)
    words = sample_in_words(sample, (reference.variant, first), (scored.variant, second))
    return Hypothesis(difference(first, second, sample.weights(metric), further), float(second.values.mean()), words)


def sample_in_words(sample: Sample, *sides: tuple[Variant, Scores]) -> str:
    """Of what clips, and of how many seeds where there are several, the sides of a difference are."""
    kinds: dict[str, list[str]] = {}
    for variant, scores in sides:
        if len(scores.values) > 1:
            kind = "random" if variant.network == RANDOM else "pretraining"
            kinds.setdefault(kind, []).append(str(len(scores.values)))
    seeds = [f"{' and '.join(counts)} {kind}" for kind, counts in kinds.items()]
    return str(sample) + (f" and {' and '.join(seeds)} seeds" if seeds else "")
