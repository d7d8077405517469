"""Notes on the results: what a reader of the table must know."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from trajprobe.compare.comparison import Comparison
from trajprobe.compare.scored import ScoredVariant
from trajprobe.compare.verdicts import Sign
from trajprobe.errors import visible_name
from trajprobe.report.numbers import rounded_percent
from trajprobe.rows import named_rows

#: The data set that the stage `synthetic` makes, and the pool with it.
SYNTHETIC = "synthetic"


def notes(comparison: Comparison) -> Iterator[str]:
    """A sentence for each thing that is off."""
    for test in comparison.leaks:
        yield f"Away from chance: {test}."
    for variant, scored in comparison.variants.items():
        for note in _of_variant(scored, comparison):
            yield f"{variant}: {note}"
    views = {scored.probe.cameras for scored in comparison.variants.values()}
    if len(views) > 1:
        yield (
            f"Rows of {' and '.join(map(str, sorted(views)))} cameras are compared: a difference between them may come "
            "from what the cameras see."
        )
    formats = {scored.probe.frames for scored in comparison.variants.values()}
    if len(formats) > 1:
        yield (
            f"Clips of {' and '.join(map(str, sorted(formats)))} frames are compared: a difference between rows of "
            "different formats may come from the format."
        )
    for variant, gain in comparison.gains.items():
        if gain.rank_p_value is not None:
            seeds = len(comparison.variants[gain.baseline].predictions)
            yield (
                f"{variant.row}: its rank among {seeds} random networks has p = {gain.rank_p_value:.3f}, whatever "
                "their distribution."
            )
    yield from _shares_of_gains(comparison)
    if comparison.arrows and not any(arrow.from_chance.sign == Sign.BETTER for arrow in comparison.arrows.values()):
        yield "No row's arrow of time is above chance: nothing shows that these motions look different backwards."


def recipe_notes(values: dict[str, Any]) -> Iterator[str]:
    """What the recipes of `pretrain` in params.yaml (`values`) make of the numbers; of other weights nothing is known.

    A note for each row that is like another and was pretrained with more than one setting changed.
    """
    rows, recipes = named_rows(values), values["pretrain"]
    trained = [name for name, row in rows.items() if row.weights in recipes]
    if values["dataset"] == SYNTHETIC and trained:
        yield (
            f"{', '.join(trained)}: pretrained on other tracks of the same ten generators as these clips. Their gains "
            "say nothing of other motions."
        )
    for name, row in rows.items():
        own, other = recipes.get(row.weights), recipes.get(rows[row.like].weights)
        keys = [key for key in own or {} if other and own[key] != other.get(key)]
        if len(keys) > 1:
            settings = " and ".join(map(visible_name, keys))
            yield (
                f"{name} and {row.like} were pretrained with different {settings}: their difference may come from any "
                "of them."
            )


def _shares_of_gains(comparison: Comparison) -> Iterator[str]:
    """How much of a gain remains with other weights, or under a perturbation that leaves some for certain."""
    for variant, difference in comparison.differences.items():
        share = difference.share_of_gain
        if share and (share.ci_low > 0 or not variant.is_perturbed):
            name = variant if variant.is_perturbed else variant.row
            gain = f"the gain of {difference.reference.row} over random weights"
            yield f"{name} has {rounded_percent(share)} of {gain}."


def _of_variant(scored: ScoredVariant, comparison: Comparison) -> Iterator[str]:
    probe, classifier = scored.probe, scored.row.classifier
    if probe.trained_frames not in (None, probe.frames):
        frames = f"{probe.frames} frame" + "s" * (probe.frames != 1)
        yield f"clips of {frames}, but its weights were trained on {probe.trained_frames}."
    unconverged = sum(network.unconverged for network in probe.networks)
    if unconverged:
        yield f"{unconverged} of its probes did not converge within the steps of `probe.{classifier}`; allow more."
    if probe.pca:
        yield f"{int(np.prod(probe.shape)):,} dimensions, reduced to {probe.pca} by PCA within train."
    if probe.cameras > 1:
        yield f"predictions are averaged over the {probe.cameras} clips of each track, one by each camera."
    probes = sum(len(network.chosen) for network in probe.networks)
    at_edge = sum(network.at_edge for network in probe.networks)
    if 2 * at_edge > probes and comparison.estimates[scored.variant]["accuracy"].ci_low > comparison.chance:
        yield f"{at_edge} of its {probes} probes chose an end of the grid of `probe.{classifier}`; widen the grid."
