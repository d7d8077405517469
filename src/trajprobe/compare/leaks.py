"""Rows that must be at chance: noise features, and any row with permuted labels. Away from chance, the run is wrong.

This tests the probing: whether a probe saw tested clips, or their exact copies, in train. Permutation breaks every
other tie between a clip and its label, so that groups that were not given and near copies leave no trace here. The
guards of the stage `prepare` look for those in the tracks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trajprobe.compare.confidence import StudentDistribution
from trajprobe.compare.metrics import Array, Integers
from trajprobe.compare.scored import ScoredVariant
from trajprobe.compare.seeds import next_seed
from trajprobe.errors import UserError
from trajprobe.statistics.multiple_tests import holm

#: After Holm over the tests, a p-value below this stops the run. At 5 %, ten rows would stop 40 % of honest runs.
STOP = 0.001
#: Fewer runs with permuted labels say too little of their own spread: with two, 5 % would stop an honest run.
RUNS = 5
#: So many tests are named in the message.
SHOWN = 3


@dataclass(frozen=True)
class ChanceTest:
    """The test of an accuracy that must be at chance."""

    name: str  #: of the variant
    condition: str  #: `noise features`, or `permuted labels`
    accuracy: float
    expected: float  #: accuracy by chance
    p_value: float  #: two-sided, after Holm over all such tests

    def __str__(self) -> str:
        return (
            f"{self.name} with {self.condition} {100 * self.accuracy:.1f} % (expected {100 * self.expected:.1f} %, "
            f"p = {self.p_value:.2g} after Holm)"
        )


def leaks(variants: Sequence[ScoredVariant], labels: Integers, folds: Integers, alpha: float) -> list[ChanceTest]:
    """The tests by which an accuracy is away from chance, Holm over all that are made.

    Args:
        variants: all of them; those without permuted labels are not tested.
        labels: (n), of the tested clips.
        folds: (n), the fold that tests each.
        alpha: two-sided.
    """
    tests = list(_tests(variants, labels, folds))
    p_values = holm([2 * min(difference.p_greater(0), difference.p_less(0)) for _, _, _, _, difference in tests])
    return [
        ChanceTest(name, condition, accuracy, expected, float(p_value))
        for (name, condition, accuracy, expected, _), p_value in zip(tests, p_values, strict=True)
        if p_value <= alpha
    ]


def refuse(failed: Sequence[ChanceTest]) -> None:
    """Raises UserError where an accuracy is so far away from chance that no result can be believed."""
    grave = [test for test in failed if test.p_value < STOP]
    if grave:
        more = f"; and {len(grave) - SHOWN} more" if len(grave) > SHOWN else ""
        raise UserError(
            f"compare: {'; '.join(map(str, grave[:SHOWN]))}{more}. Noise and permuted labels carry no information, so "
            "a probe that predicts them has seen the tested clips in train, and its accuracy on the true labels can't "
            "be believed either. data/trajectories/guards.json names copies and groups that the set's own split has on "
            "both sides: `prepare.duplicates: drop` leaves the copies out, for groups correct `split`. "
            "With `compare.leaks: warn` the table is made all the same, with a note. Until then metrics/ is without "
            "results: `git checkout metrics/summary.json metrics/details.json metrics/plots` brings the committed ones "
            "back"
        )


def _tests(
    variants: Sequence[ScoredVariant], labels: Integers, folds: Integers
) -> Iterator[tuple[str, str, float, float, StudentDistribution]]:
    """Name, condition, accuracy, expected accuracy, and the distribution of their difference.

    Runs with permuted labels are independent given the features, whatever the groups. The true labels of noise are one
    more such run: held against the others, not against a binomial, since out-of-fold predictions depend on one another.
    """
    for scored in variants:
        networks = scored.probe.networks
        accuracies = np.array([accuracy for network in networks for accuracy in network.permuted])
        if len(accuracies) < RUNS:
            continue
        expected = np.array([accuracy for network in networks for accuracy in network.permuted_expected])
        away, name = accuracies - expected, str(scored.variant)
        error = float(away.std(ddof=1) / np.sqrt(len(away)))
        difference = StudentDistribution(float(away.mean()), error, len(away) - 1.0)
        yield name, "permuted labels", float(accuracies.mean()), float(expected.mean()), difference
        if scored.row.family == "noise":
            accuracy = scored.correct[0].mean()
            by_chance = chance_probabilities(scored.predictions[0], labels, folds).mean()
            null = next_seed(away)
            difference = StudentDistribution(
                float(accuracy - by_chance) - null.mean, null.error, null.degrees_of_freedom
            )
            yield name, "noise features", float(accuracy), float(by_chance), difference


def chance_probabilities(predictions: Integers, labels: Integers, folds: Integers) -> Array:
    """The probability (n) that each prediction is correct if it does not depend on its clip.

    It is the share of the predicted class among the labels of the fold.
    """
    probabilities = np.empty(len(labels))
    for fold in np.unique(folds):
        inside = folds == fold
        probabilities[inside] = (predictions[inside][:, np.newaxis] == labels[inside]).mean(axis=1)
    return probabilities
