"""Notes on the results: what a reader of the table must know."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from trajprobe.compare.comparison import Comparison
from trajprobe.compare.scored import ScoredVariant
from trajprobe.errors import visible_name
from trajprobe.rows import named_rows


def notes(comparison: Comparison) -> Iterator[str]:
    """A sentence for each thing that is off."""
    for test in comparison.leaks:
        yield f"Away from chance: {test}."
    for variant, scored in comparison.variants.items():
        for note in _of_variant(scored, comparison):
            yield f"{variant}: {note}"
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


def recipe_notes(values: dict[str, Any]) -> Iterator[str]:
    """A note for each row that is like another and was pretrained with more than one setting changed.

    Of weights that have no recipe in `pretrain` of params.yaml (`values`), nothing is known.
    """
    rows, recipes = named_rows(values), values["pretrain"]
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
    """How much of a gain remains with other weights, or under a perturbation."""
    for variant, difference in comparison.differences.items():
        gain = comparison.gains.get(difference.reference)
        trained = comparison.variants[variant].probe.trained_frames
        if gain is None or not trained or variant in comparison.gains:
            continue
        gained, lost = gain.verdict.difference, difference.verdict.difference
        judged = gain.verdict.p_value is not None
        if judged and gained.ci_low > 0 and lost.ci_high < gained.mean:  # else it may be no better than random weights
            share, name = 1 - lost.mean / gained.mean, variant if variant.is_perturbed else variant.row
            yield f"{name} has {100 * share:.0f} % of the gain of {difference.reference.row} over random weights."


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
    folds = sum(len(network.chosen) for network in probe.networks)
    at_edge = sum(network.at_edge for network in probe.networks)
    if 2 * at_edge > folds and comparison.estimates[scored.variant]["accuracy"].ci_low > comparison.chance:
        yield f"{at_edge} of {folds} folds chose an end of the grid of `probe.{classifier}`; widen the grid."
