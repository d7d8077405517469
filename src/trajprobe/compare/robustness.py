"""Robustness: what is left of a row's score as clutter grows.

There are two curves. The probe of the plain clips, as it is, sees clips at each level: so does who did not expect
clutter. And a probe is fitted at each level: it shows what the features still hold. The area under a curve is its mean
over the levels from 0, the plain clips, to the highest one, by the trapezoidal rule. All is paired over clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trajprobe.compare.confidence import Estimate, confidence_interval
from trajprobe.compare.distributions import difference, score
from trajprobe.compare.hypotheses import sample_in_words
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.sample import Sample, Scores
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.verdicts import Hypothesis, Verdict, judge
from trajprobe.files.feature_shards import level_of

#: Its name among results.
ROBUSTNESS = "robustness"


class LevelCurve(NamedTuple):
    """A score over the levels of clutter."""

    scores: dict[float, Estimate]  #: by level; 0: of the plain clips
    area: Estimate  #: under it, as a mean score
    gain: Verdict | None  #: on the area of pretrained networks minus that of random ones, where the row has both


@dataclass(frozen=True)
class Robustness:
    """What is said of a variant."""

    from_plain: LevelCurve  #: by the probe of the plain clips
    fitted: LevelCurve  #: by a probe that is fitted at each level


def robustness(
    variants: Mapping[Variant, ScoredVariant],
    cluttered: Mapping[Variant, ScoredVariant],
    randoms: Mapping[Variant, Variant],
    metric: str,
    sample: Sample,
    alpha: float,
    margin: float,
    confidence: float,
) -> dict[Variant, Robustness]:
    """Of each variant that saw cluttered clips; their gains are judged as one family.

    Args:
        variants: of plain clips.
        cluttered: of clips at levels of clutter.
        randoms: by pretrained variant, its row's random one.
        metric: that scores are of.
        sample: the tested clips.
        alpha: of one-sided tests.
        margin: differences within it are of no practical use.
        confidence: of the intervals.
    """
    weights, ends = sample.weights(metric), METRICS[metric].ends
    curves: dict[Variant, list[dict[float, Scores]]] = {}
    for of, scored in variants.items():
        if levels := {} if of.is_perturbed else _levels(of, cluttered):
            plain = {0.0: scored.scores[metric]}
            from_plain = {level: each.from_plain[metric] for level, each in levels.items()}
            curves[of] = [plain | from_plain, plain | {level: each.scores[metric] for level, each in levels.items()}]
    areas = {of: [area(curve) for curve in both] for of, both in curves.items()}
    pairs = [(of, number) for of in curves if randoms.get(of) in curves for number in (0, 1)]
    family = []
    for of, number in pairs:
        trained, random = areas[of][number], areas[randoms[of]][number]
        words = sample_in_words(sample, (of, trained), (randoms[of], random))
        gain = difference(trained, random, weights, further=True)
        family.append(Hypothesis(gain, float(random.values.mean()), words))
    judged = judge(family, alpha, margin, confidence, sample.shortage(metric))
    gains = dict(zip(pairs, judged, strict=True))

    def estimate(scores: Scores) -> Estimate:
        return confidence_interval(score(scores, weights, ends), confidence)

    return {
        of: Robustness(
            *(
                LevelCurve(
                    {level: estimate(scores) for level, scores in curve.items()},
                    estimate(areas[of][number]),
                    gains.get((of, number)),
                )
                for number, curve in enumerate(both)
            )
        )
        for of, both in curves.items()
    }


def area(curve: Mapping[float, Scores]) -> Scores:
    """The area under a curve of scores by level, over the width of the levels: it is a mean score."""
    levels = sorted(curve)
    shares = trapezoidal(levels)
    parts = zip(*(curve[level] for level in levels), strict=True)
    return Scores(*(sum(share * part for share, part in zip(shares, each, strict=True)) for each in parts))


def trapezoidal(levels: Sequence[float]) -> list[float]:
    """How much each of the rising levels counts in the mean by the trapezoidal rule; they sum to 1."""
    steps = np.diff(levels) / (levels[-1] - levels[0])
    shares: list[float] = (np.append(steps, 0) / 2 + np.append(0, steps) / 2).tolist()
    return shares


def _levels(of: Variant, cluttered: Mapping[Variant, ScoredVariant]) -> dict[float, ScoredVariant]:
    """The same networks' probes of clips at each level, the lowest first."""
    levels = {
        level: scored
        for each, scored in cluttered.items()
        if each._replace(input=of.input) == of and (level := level_of(each.input)) is not None
    }
    return dict(sorted(levels.items()))
