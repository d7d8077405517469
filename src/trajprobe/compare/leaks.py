"""Rows that must be at chance: noise features, and any row with permuted labels. Away from it, the run is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.compare.entries import Entry
from trajprobe.compare.intervals import Array, Student, over_seeds
from trajprobe.errors import UserError
from trajprobe.statistics.multiple_tests import holm

Integers = NDArray[np.int64]
#: After Holm over the rows, a row this far from chance stops the run. At 5 %, ten rows would stop 40 % of honest runs.
STOP = 0.001
#: Fewer runs with permuted labels tell too little of their own spread: of two, 5 % would stop an honest run.
RUNS = 5
#: So many rows are named in the message.
SHOWN = 3


@dataclass(frozen=True)
class Leak:
    """A row away from chance, which it should not be."""

    row: str
    what: str  #: noise features, or permuted labels
    share: float  #: of clips told right
    expected: float
    p: float  #: two-sided, after Holm over the rows

    def __str__(self) -> str:
        return (
            f"{self.row} with {self.what} {100 * self.share:.1f} % (expected {100 * self.expected:.1f} %, "
            f"p = {self.p:.2g} after Holm)"
        )


def leaks(entries: Sequence[Entry], labels: Integers, folds: Integers, alpha: float) -> list[Leak]:
    """The rows that are away from chance at `alpha`, Holm over all rows that are tried.

    Args:
        entries: all rows.
        labels: (n), of the tested clips, and so are the others.
        folds: the fold that tests each clip.
        alpha: two-sided.
    """
    tried = list(_tried(entries, labels, folds))
    adjusted = holm([2 * min(away.below(0), away.above(0)) for _, _, _, _, away in tried])
    return [
        Leak(row, what, share, expected, float(p))
        for (row, what, share, expected, _), p in zip(tried, adjusted, strict=True)
        if p <= alpha
    ]


def stop(found: Sequence[Leak]) -> None:
    """Raises UserError where a row is so far away from chance that none can be believed."""
    grave = [leak for leak in found if leak.p < STOP]
    if grave:
        more = f"; and {len(grave) - SHOWN} more rows" if len(grave) > SHOWN else ""
        raise UserError(
            f"compare: {'; '.join(map(str, grave[:SHOWN]))}{more}. Permuted labels and noise say nothing of a clip, so "
            "that what tells them has seen the tested clips in train, and what it tells of the true labels can't be "
            "believed either. Are there duplicates, or groups that the set's own split parts "
            "(data/trajectories/guards.json names them; `prepare.duplicates: drop` leaves the copies out)? Is `groups` "
            "missing? With `compare.leaks: tell` the table is made all the same, with a note"
        )


def _tried(
    entries: Sequence[Entry], labels: Integers, folds: Integers
) -> Iterator[tuple[str, str, float, float, Student]]:
    """Row, what should be at chance, share right, share expected, and what is known of their difference.

    Runs with permuted labels are independent given the features, whatever the groups. The true labels of noise are one
    more such run: held against the others, not against a binomial, since out-of-fold guesses depend on one another.
    """
    for entry in entries:
        probed = entry.probe
        runs = np.array([share for network in probed.networks for share in network.permuted])
        if len(runs) < RUNS:
            continue
        expected = np.array([share for network in probed.networks for share in network.permuted_expected])
        away = runs - expected
        name = probed.row if probed.kind == "pretrained" else f"{probed.row} ({probed.kind})"
        known = Student(float(away.mean()), float(away.std(ddof=1) / np.sqrt(len(runs))), len(runs) - 1.0)
        yield name, "permuted labels", float(runs.mean()), float(expected.mean()), known
        if probed.family == "noise":
            right, by_chance = entry.right[0].mean(), chances(entry.guesses[0], labels, folds).mean()
            null = over_seeds(away)
            known = Student(float(right - by_chance) - null.mean, null.error, null.freedom)
            yield name, "noise features", float(right), float(by_chance), known


def chances(guesses: Integers, labels: Integers, folds: Integers) -> Array:
    """How likely each guess (n) is right if it has nothing to do with its clip: its label's share of its fold."""
    found = np.empty(len(labels))
    for fold in np.unique(folds):
        inside = folds == fold
        found[inside] = (guesses[inside][:, np.newaxis] == labels[inside]).mean(axis=1)
    return found
