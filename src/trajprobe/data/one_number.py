"""Guard: does a single number separate the classes? Then a probe can score without any motion."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.tree import DecisionTreeClassifier
from tqdm import tqdm

from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import Tracks, bounds
from trajprobe.statistics.multiple_tests import holm

Array = NDArray[np.float64]
#: Of the exact binomial test, after Holm's correction over all numbers that were tried.
P = 0.001
#: And a number must explain an eighth of what chance leaves: (accuracy - chance) / (1 - chance). The weak
#: cues of the default set (a helix reaches far along z) reached up to 0.117 with twenty seeds, 0.079 with its own;
#: in each of four real sets the best number reaches 0.15 to 0.30.
SHARE = 0.125
#: Intervals of the axis that a tree may make for each class (a class may lie on both sides of others), and clips
#: that each of them must hold at least: the majority of fewer is luck. (Tried on those sets: 1 and 2; 5, 8, 10, 12.)
INTERVALS, HELD = 2, 8

REMEDIES = {
    "place": (
        "A probe can score by place, without motion: hold each row against the control start-position. "
        "`render.scaling: track` erases where a track lies, but not where in its own box it starts and ends"
    ),
    "size": (
        "A probe can score by size, without motion: hold each row against the control extent. "
        "`render.scaling: track` erases the size"
    ),
    "recording": (
        "The classes were recorded differently. Clips have the same frames whatever a track's length and do not show "
        "it, but what goes with it (smoothness, gaps) they may: record, cut or thin all classes alike"
    ),
}


class Tried(NamedTuple):
    """How well one number tells the classes apart."""

    kind: str  #: key of `REMEDIES`
    name: str
    accuracy: float
    p: float  #: of as many right by chance, Holm-corrected


def findings(tracks: Tracks, labelling: Labelling) -> Iterator[Finding]:
    """A finding for each kind of number of which one is clearly above chance."""
    tested = labelling.labels[labelling.folds >= 0]
    chance = float(np.bincount(tested).max() / len(tested))
    above = [
        one for one in tried(tracks, labelling, chance) if one.p < P and one.accuracy - chance >= SHARE * (1 - chance)
    ]
    for kind, remedy in REMEDIES.items():
        shares = [
            f"{one.name} {100 * one.accuracy:.1f} %"
            for one in sorted(above, key=lambda one: -one.accuracy)
            if one.kind == kind
        ]
        if shares:
            text = f"A single number separates the classes (chance {100 * chance:.1f} %): {first(shares)}"
            yield Finding(f"one number: {kind}", f"{text}. {remedy}.", tuple(shares))


def tried(tracks: Tracks, labelling: Labelling, chance: float) -> list[Tried]:
    """Every number, held against the share `chance` of clips that are right by chance.

    The test is exact: right ~ Binomial(trials, chance). The clips of one class in one group are one trial, since they
    are not independent; where each clip is a group, each is a trial. Holm 1979, Scand. J. Statist. 6, 65-70.
    """
    candidates = list(numbers(tracks))
    tested = labelling.folds >= 0
    trials = np.unique(np.stack([labelling.groups[tested], labelling.labels[tested]]), axis=1).shape[1]
    accuracies = [
        accuracy(values, labelling) for _, _, values in tqdm(candidates, desc="one number", unit="number", delay=1)
    ]
    # A whisker is added before rounding down, lest 0.29 * 100 be 28.
    right = np.floor(np.array(accuracies) * trials + 1e-6)
    corrected = holm(stats.binom.sf(right - 1, trials, chance))
    return [
        Tried(kind, name, share, float(p))
        for (kind, name, _), share, p in zip(candidates, accuracies, corrected, strict=True)
    ]


def numbers(tracks: Tracks) -> Iterator[tuple[str, str, Array]]:
    """Kind, name and values (n) of each number that is not the same for all tracks."""
    points, lengths = tracks.points, tracks.lengths
    every, last = np.arange(len(tracks)), lengths - 1
    places = {
        "the first point's {}": points[:, 0],
        "the last point's {}": points[every, last],
        "the mean {}": points.sum(axis=1) / lengths[:, None],  # the padding is zero
    }
    low, high = bounds(points, lengths)
    extent = (high - low)[:, 0]
    duration = tracks.times[every, last] - tracks.times[:, 0]
    candidates = [("recording", "the number of points", lengths.astype(np.float64))]
    if (duration != last).any():  # else times are but the numbers of the points
        candidates += [("recording", "the duration", duration), ("recording", "the mean time step", duration / last)]
    for axis, letter in enumerate("xyz"[: points.shape[2]]):
        candidates += [("place", name.format(letter), values[:, axis]) for name, values in places.items()]
        candidates.append(("size", f"the extent along {letter}", extent[:, axis]))
    yield from (one for one in candidates if np.ptp(one[2]) > 0)


def accuracy(values: Array, labelling: Labelling) -> float:
    """The share of tested clips that a tree on this number (n) alone tells right, out of fold.

    A tree cuts the axis into intervals and assumes no shape of the classes, unlike a Gaussian or a linear classifier;
    and it computes by counts and comparisons, so that the last bit of an exponential decides nothing.
    """
    labels, folds = labelling.labels, labelling.folds
    leaves = INTERVALS * len(np.unique(labels))
    right = 0
    for fold in np.unique(folds[folds >= 0]):
        train, test = folds != fold, folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=HELD, random_state=0)
        guesses = tree.fit(values[train, None], labels[train]).predict(values[test, None])
        right += int((guesses == labels[test]).sum())
    return right / int((folds >= 0).sum())
