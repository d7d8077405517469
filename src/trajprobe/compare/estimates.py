"""The scores of a variant, each with its interval: of its network, or of a further one where several are a sample."""

from collections.abc import Sequence

from trajprobe.compare.arrow_of_time import arrow_means
from trajprobe.compare.confidence import ConfidenceDistribution, Estimate, confidence_interval
from trajprobe.compare.distributions import score
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.order import order_scores
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import ScoredVariant
from trajprobe.compare.seeds import Term, contrast

#: Names of estimates beside those of `METRICS`.
AREA, CODE_LENGTH, ORDER, ARROW = "few_shot_area", "bits_per_clip", "order", "arrow_of_time"


def estimates(
    scored: ScoredVariant, sample: Sample, confidence: float, reversals: Sequence[tuple[int, int]]
) -> dict[str, Estimate]:
    """By the names of `METRICS`, and by `AREA`, `CODE_LENGTH`, `ORDER` and `ARROW` where there is such a value.

    Args:
        scored: the variant.
        sample: the tested clips.
        confidence: of the intervals.
        reversals: pairs of labels whose clips are each other's reversal.
    """
    distributions = {name: metric_distribution(scored, name, sample) for name in scored.scores}
    if scored.area:
        distributions[AREA] = score(*scored.area)
    if order := order_scores(scored.predictions, sample, reversals):
        distributions[ORDER] = score(*order)
    if arrow := arrow_means(scored, sample):
        distributions[ARROW] = score(*arrow)
    values = {name: confidence_interval(of, confidence) for name, of in distributions.items()}
    if scored.code_length:
        bits, weights = scored.code_length
        mean = contrast([Term(1, bits, further=len(bits.values) > 1)], weights)
        values[CODE_LENGTH] = confidence_interval(mean, confidence)
    return values


def metric_distribution(scored: ScoredVariant, metric: str, sample: Sample) -> ConfidenceDistribution:
    """What the tested clips say of a metric of a variant."""
    return score(scored.scores[metric], sample.weights(metric), METRICS[metric].ends)
