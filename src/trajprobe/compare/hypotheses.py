"""The differences that are tested: gains over random weights, and rows and perturbations held against another row.

A gain is over seeds and clips. All other differences are paired, over clips alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from trajprobe.compare.confidence import BootstrapDistribution
from trajprobe.compare.metrics import Array, Integers
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.seeds import gain
from trajprobe.compare.verdicts import Hypothesis
from trajprobe.errors import UserError
from trajprobe.files.feature_shards import NO_NETWORK, PRETRAINED, RANDOM
from trajprobe.files.labelling import Labelling

#: The network that stands for a row: the first of these that it has.
MAIN_NETWORKS = (PRETRAINED, NO_NETWORK, RANDOM)


@dataclass(frozen=True)
class Sample:
    """The n tested clips."""

    labels: Integers  #: (n)
    groups: Integers  #: (n)
    folds: Integers  #: (n), the fold that tests each

    @classmethod
    def of(cls, labelling: Labelling) -> "Sample":
        """The tested clips of a data set.

        Raises:
            UserError: all are of one group.
        """
        tested = labelling.folds >= 0
        sample = cls(labelling.labels[tested], labelling.groups[tested], labelling.folds[tested])
        if sample.group_count < 2:
            raise UserError(
                "compare: all tested clips are of one group, so nothing has an interval; give more `groups`"
            )
        return sample

    @property
    def group_count(self) -> int:
        return len(np.unique(self.groups))

    def __str__(self) -> str:
        clips = f"n = {len(self.groups):,} clips"
        return clips + (f" in {self.group_count:,} groups" if self.group_count < len(self.groups) else "")


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


def gain_hypothesis(trained: ScoredVariant, random: ScoredVariant, metric: str, sample: Sample) -> Hypothesis:
    """Pretrained minus random."""
    strata = sample.labels if metric == "balanced_accuracy" else np.zeros_like(sample.labels)
    difference = gain(trained.correct[0], random.correct, sample.groups, strata)
    return Hypothesis(
        difference, float(random.scores[metric].mean()), f"{sample} and {len(random.correct)} random seeds"
    )


def difference_hypothesis(
    reference: ScoredVariant, scored: ScoredVariant, draws: Mapping[Variant, Array], metric: str, sample: Sample
) -> Hypothesis:
    """The reference minus another variant; `draws` (networks draws) are their values of the metric on drawn clips."""
    # A perturbation is of the row's first network.
    networks = slice(1) if scored.variant.is_perturbed else slice(None)
    base = scored.scores[metric].mean()
    difference = reference.scores[metric][networks].mean() - base
    differences = draws[reference.variant][networks].mean(axis=0) - draws[scored.variant].mean(axis=0)
    return Hypothesis(
        BootstrapDistribution(float(difference), np.sort(differences), sample.group_count), float(base), str(sample)
    )
