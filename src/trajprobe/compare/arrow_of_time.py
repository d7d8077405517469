"""The arrow of time: how well the directions of clips are told, against chance and against random networks.

The unit is the pair, a clip and its reversal, of which 0, 1 or 2 are told right. It is a further question, so its
verdicts are a family of tests of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from trajprobe.compare.distributions import difference, score
from trajprobe.compare.hypotheses import sample_in_words
from trajprobe.compare.order import CHANCE
from trajprobe.compare.sample import DIRECTIONS, ClipMeans, Sample, Scores, sums_without_groups
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.verdicts import Hypothesis, Verdict, judge


@dataclass(frozen=True)
class ArrowOfTime:
    """What is said of a variant."""

    from_chance: Verdict  #: on its share of directions that are told right, minus `CHANCE`
    gain: Verdict | None  #: on that of pretrained networks minus that of random ones, where the row has both


def arrow_means(scored: ScoredVariant, sample: Sample) -> ClipMeans | None:
    """The mean over pairs of the share that is told right; None where the variant saw no clip backwards."""
    if not scored.directions.size:
        return None
    weights = replace(sample.weights("accuracy"), luck=DIRECTIONS)
    left = len(weights.of_group) - np.bincount(weights.of_group)
    left_out = sums_without_groups(scored.directions, weights.of_group) / left
    return ClipMeans(Scores(scored.directions.mean(axis=1), left_out, scored.directions), weights)


def arrows(
    variants: Mapping[Variant, ScoredVariant],
    randoms: Mapping[Variant, Variant],
    sample: Sample,
    alpha: float,
    margin: float,
    confidence: float,
) -> dict[Variant, ArrowOfTime]:
    """Of each variant that saw clips backwards, judged as one family.

    Args:
        variants: all of them.
        randoms: by pretrained variant, its row's random one.
        sample: the tested clips.
        alpha: of one-sided tests.
        margin: differences within it are of no practical use.
        confidence: of the intervals.
    """
    means = {of: mean for of, scored in variants.items() if (mean := arrow_means(scored, sample))}
    gains = {of: random for of, random in randoms.items() if of in means and random in means}
    family = [_from_chance(of, mean, sample) for of, mean in means.items()]
    for of, random in gains.items():
        trained, base = means[of].scores, means[random].scores
        gain = difference(trained, base, means[of].weights, further=True)
        words = sample_in_words(sample, (of, trained), (random, base))
        family.append(Hypothesis(gain, float(base.values.mean()), words))
    verdicts = judge(family, alpha, margin, confidence, sample.shortage("accuracy"))
    from_chance, of_gains = verdicts[: len(means)], dict(zip(gains, verdicts[len(means) :], strict=True))
    return {of: ArrowOfTime(verdict, of_gains.get(of)) for of, verdict in zip(means, from_chance, strict=True)}


def _from_chance(of: Variant, mean: ClipMeans, sample: Sample) -> Hypothesis:
    """A share less `CHANCE`: the score test of a share, moved."""
    moved = Scores(*(part - CHANCE for part in mean.scores))
    distribution = score(moved, mean.weights, (-CHANCE, CHANCE))
    return Hypothesis(distribution, CHANCE, sample_in_words(sample, (of, moved)))
