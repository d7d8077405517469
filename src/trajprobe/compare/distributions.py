"""What clips and seeds say of a score and of a difference; several networks are a sample of random ones."""

from dataclasses import replace

import numpy as np

from trajprobe.compare.confidence import (
    ConfidenceDistribution,
    ScoreDistribution,
    difference_distribution,
    share_distribution,
)
from trajprobe.compare.metrics import Metric
from trajprobe.compare.sample import ClipWeights, Scores
from trajprobe.compare.seeds import further_network, gain, mean_difference


def score(scores: Scores, weights: ClipWeights, metric: Metric) -> ScoreDistribution:
    """Of a network, or of a further random one, on clips like these."""
    if len(scores.values) > 1:
        return further_network(scores, weights, metric)
    (variance,), freedom = weights.variance(scores)
    sampling = weights.sampling(float(variance), freedom)
    return share_distribution(float(scores.values[0]), sampling, metric.lowest, metric.highest)


def difference(first: Scores, second: Scores, weights: ClipWeights) -> ConfidenceDistribution:
    """Of the first minus the second, paired over clips.

    Of a network and random ones it is that to a further one; of random ones on both sides it is that of their means.
    """
    if len(first.values) > 1 and len(second.values) > 1:
        return mean_difference(first, second, weights)
    if len(second.values) > 1:
        return gain(first, second, weights)
    if len(first.values) > 1:
        turned = gain(second, first, weights)
        return replace(turned, mean=-turned.mean)
    away = first.minus(second)
    (variance,), freedom = weights.variance(away)
    better, worse = (float(weights.of_clip @ np.maximum(sign * away.correct[0], 0)) for sign in (1, -1))
    return difference_distribution(better, worse, weights.sampling(float(variance), freedom))
