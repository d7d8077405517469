"""What a reader of the table must know."""

from collections.abc import Iterator

import numpy as np

from trajprobe.compare.comparison import Comparison
from trajprobe.compare.entries import Entry

KINDS = {"pretrained": "pretrained", "random": "random", "controls": "control"}


def notes(comparison: Comparison) -> Iterator[str]:
    """A sentence for each thing that is off."""
    for leak in comparison.leaks:
        yield f"Away from chance: {leak}."
    for entry in comparison.entries.values():
        name = f"{entry.probe.row} ({KINDS[entry.probe.kind]})"
        for note in _of_row(entry, comparison):
            yield f"{name}: {note}"
    formats = {entry.probe.frames for entry in comparison.entries.values()}
    if len(formats) > 1:
        yield (
            f"Clips of {' and '.join(map(str, sorted(formats)))} frames are compared: a difference between rows of "
            "different formats is one of formats too."
        )
    for row, gain in comparison.gains.items():
        if gain.rank is not None:
            seeds = len(comparison.entries["random", row].right)
            yield f"{row}: its rank among {seeds} random networks has p = {gain.rank:.3f}, whatever their distribution."
    for (kind, control), gap in comparison.gaps.items():
        pretrained = kind == "controls" and comparison.entries[kind, control].probe.trained_frames
        if gap.row in comparison.gains and pretrained:
            gained = comparison.gains[gap.row].verdict.difference
            left = gap.verdict.difference
            if gained.ci_low > 0 and left.ci_high < gained.mean:  # else it may well be no better than random weights
                share = 100 * (1 - left.mean / gained.mean)
                yield f"{share:.0f} % of the gain of {gap.row} over random is there in {control} as well."


def _of_row(entry: Entry, comparison: Comparison) -> Iterator[str]:
    probed = entry.probe
    if probed.trained_frames not in (None, probed.frames):
        yield f"clips of {probed.frames} frames; its weights know {probed.trained_frames}."
    unconverged = sum(network.unconverged for network in probed.networks)
    if unconverged:
        limit = f"probe.{probed.classifier}"
        yield f"{unconverged} of its probes had not converged at the limit of steps in `{limit}`; raise it."
    if probed.pca:
        yield f"{int(np.prod(probed.shape)):,} dimensions, reduced to {probed.pca} by PCA within train."
    folds = sum(len(network.chosen) for network in probed.networks)
    at_edge = sum(network.at_edge for network in probed.networks)
    if 2 * at_edge > folds and comparison.accuracies[entry.key].ci_low > comparison.chance:
        grid = f"the grid of `probe.{probed.classifier}`"
        yield f"{at_edge} of {folds} folds chose an edge of {grid}, where it was better; widen it."
