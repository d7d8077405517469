"""What clips and seeds say of a score and of a difference; networks of several seeds are a sample of their kind."""

import numpy as np

from trajprobe.compare.confidence import (
    ConfidenceDistribution,
    ScoreDistribution,
    difference_distribution,
    share_distribution,
)
from trajprobe.compare.sample import ClipWeights, Scores
from trajprobe.compare.seeds import Term, contrast, further_network


def score(scores: Scores, weights: ClipWeights, ends: tuple[float, float] = (0.0, 1.0)) -> ScoreDistribution:
    """Of a network, or of a further one of its kind, on clips like these; `ends` are the least and the most."""
    if len(scores.values) > 1:
        return further_network(scores, weights, ends)
    (variance,), freedom = weights.variance(scores)
    sampling = weights.sampling(float(variance), freedom)
    return share_distribution(float(scores.values[0]), sampling, *ends)


def difference(first: Scores, second: Scores, weights: ClipWeights, further: bool) -> ConfidenceDistribution:
    """Of the first minus the second, paired over clips.

    Args:
        first: of one network, or of several, which are a sample of all of their kind.
        second: likewise.
        weights: of the clips.
        further: whether several networks that are held against one count as a further one of their kind. Else they
            count in the mean over all of their kind, as they do where both sides have several.
    """
    counts = len(first.values), len(second.values)
    if max(counts) > 1:
        several = [further and 1 in counts and count > 1 for count in counts]
        return contrast([Term(1, first, several[0]), Term(-1, second, several[1])], weights)
    away = first.minus(second)
    (variance,), freedom = weights.variance(away)
    better, worse = (float(weights.of_clip @ np.maximum(sign * away.correct[0], 0)) for sign in (1, -1))
    return difference_distribution(better, worse, weights.sampling(float(variance), freedom))
