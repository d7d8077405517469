"""Guard: does a single number separate the classes, or a single point? Then a probe can score without any motion."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import Tracks, bounds
from trajprobe.stage import progress
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
#: Tracks that are tested at most, and those that are only ever trained on: more would hardly change a share.
SAMPLE = 20_000
#: Clips that vote on another one by a point: 1 would copy the luck of a single clip.
NEIGHBOURS = 5

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


class Cue(NamedTuple):
    """What a track has without any motion: a number, or the coordinates of a point."""

    kind: str  #: key of `REMEDIES`
    name: str
    point: str | None  #: name of the point that it is, or is a coordinate of
    values: Array  #: (n d), of the tracks


class Tried(NamedTuple):
    """How well a cue tells the classes apart."""

    cue: Cue
    accuracy: float
    p: float  #: of as many right by chance, Holm-corrected
    testable: bool  #: whether this p-value could be small: with few groups even a perfect cue's is not


def findings(tracks: Tracks, labelling: Labelling) -> Iterator[Finding]:
    """A finding for each kind of cue of which one is clearly above chance, or is so in too few groups to be tested."""
    tested = labelling.labels[labelling.folds >= 0]
    chance = float(np.bincount(tested).max() / len(tested))
    results = tried(tracks, labelling, chance)
    above = [one for one in results if _exceeds(one, chance, results) and (one.p < P or not one.testable)]
    for kind, remedy in REMEDIES.items():
        of_kind = sorted((one for one in above if one.cue.kind == kind), key=lambda one: -one.accuracy)
        if not of_kind:
            continue
        shares = [f"{one.cue.name} {100 * one.accuracy:.1f} %" for one in of_kind]
        doubt = "" if of_kind[0].testable else ". There are too few groups to test whether that is chance"
        text = f"A single number or point separates the classes (chance {100 * chance:.1f} %): {first(shares)}{doubt}"
        yield Finding(f"one number: {kind}", f"{text}. {remedy}.", tuple(shares))


def _exceeds(one: Tried, chance: float, results: Sequence[Tried]) -> bool:
    """Whether a cue explains its `SHARE` of what chance leaves; a point, of what its best coordinate leaves."""
    of_point = [other.accuracy for other in results if other.cue.point == one.cue.point and other is not one]
    if one.cue.name == one.cue.point:
        chance = max([chance, *of_point])
    return one.accuracy - chance >= SHARE * (1 - chance)


def tried(tracks: Tracks, labelling: Labelling, chance: float) -> list[Tried]:
    """Every cue, held against the share `chance` of clips that are right by chance.

    The test is exact: right ~ Binomial(trials, chance). The clips of one class in one group are one trial, since they
    are not independent; where each clip is a group, each is a trial. Holm 1979, Scand. J. Statist. 6, 65-70.
    """
    candidates = list(cues(tracks))
    chosen = _sample(labelling.folds)
    parts = {name: getattr(labelling, name)[chosen] for name in ("labels", "groups", "folds")}
    labelling = replace(labelling, **parts)
    tested = labelling.folds >= 0
    trials = np.unique(np.stack([labelling.groups[tested], labelling.labels[tested]]), axis=1).shape[1]
    accuracies = [
        accuracy(cue.values[chosen], labelling)
        for cue in progress(candidates, "single numbers", "numbers", len(candidates))
    ]
    # A whisker is added before rounding down, lest 0.29 * 100 be 28.
    right = np.floor(np.array(accuracies) * trials + 1e-6)
    corrected = holm(stats.binom.sf(right - 1, trials, chance))
    testable = bool(stats.binom.sf(trials - 1, trials, chance) * len(candidates) < P)
    return [
        Tried(cue, share, float(p), testable) for cue, share, p in zip(candidates, accuracies, corrected, strict=True)
    ]


def _sample(folds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Some of the tracks of these folds (n), rising; by lot, since every tenth of a file may be of one class."""
    lot = np.random.default_rng(0)
    parts = np.flatnonzero(folds >= 0), np.flatnonzero(folds < 0)
    return np.sort(np.concatenate([lot.choice(part, min(SAMPLE, len(part)), replace=False) for part in parts]))


def cues(tracks: Tracks) -> Iterator[Cue]:
    """Each number that is not the same for all tracks, and each point of which two coordinates are not.

    A point may tell classes apart that none of its coordinates does: of four corners, say, two opposite ones each. The
    extents along all axes are no such cue: together they are a shape, which motion makes.
    """
    points, lengths = tracks.points, tracks.lengths
    every, last = np.arange(len(tracks)), lengths - 1
    low, high = bounds(points, lengths)
    duration = tracks.times[every, last] - tracks.times[:, 0]
    numbers = {"the number of points": lengths.astype(np.float64)}
    if (duration != last).any():  # else times are but the numbers of the points
        numbers |= {"the duration": duration, "the mean time step": duration / last}
    candidates = [Cue("recording", name, None, values[:, np.newaxis]) for name, values in numbers.items()]
    for kind, of_axis, point, values in (
        ("place", "the first point's {}", "the first point", points[:, 0]),
        ("place", "the last point's {}", "the last point", points[every, last]),
        ("place", "the mean {}", "the mean point", points.sum(axis=1) / lengths[:, np.newaxis]),  # the padding is zero
        ("size", "the extent along {}", None, (high - low)[:, 0]),
    ):
        varying = [axis for axis in range(values.shape[1]) if np.ptp(values[:, axis]) > 0]
        candidates += [Cue(kind, of_axis.format("xyz"[axis]), point, values[:, [axis]]) for axis in varying]
        if point and len(varying) > 1:
            candidates.append(Cue(kind, point, point, values[:, varying]))
    yield from (cue for cue in candidates if np.ptp(cue.values) > 0)


def accuracy(values: Array, labelling: Labelling) -> float:
    """The share of tested clips that a classifier on these values (n d) alone predicts correctly, out of fold.

    Of one number, a tree cuts the axis into intervals and assumes no shape of the classes, unlike a Gaussian or a
    linear classifier; and it computes by counts and comparisons, so that the last bit of an exponential decides
    nothing. Of several, the nearest clips vote, by their places in the order of each number, so that no unit counts.
    """
    labels, folds = labelling.labels, labelling.folds
    several = values.shape[1] > 1
    leaves = INTERVALS * len(np.unique(labels))
    right = 0
    for fold in np.unique(folds[folds >= 0]):
        train, test = folds != fold, folds == fold
        classifier = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=HELD, random_state=0)
        if several:
            classifier = KNeighborsClassifier(min(NEIGHBOURS, int(train.sum())))
        seen, unseen = (values[train], values[test]) if not several else _ranked(values[train], values[test])
        guesses = classifier.fit(seen, labels[train]).predict(unseen)
        right += int((guesses == labels[test]).sum())
    return right / int((folds >= 0).sum())


def _ranked(train: Array, test: Array) -> tuple[Array, Array]:
    """Values (n d) and (m d) as their places among those of train, number by number."""
    order = np.sort(train, axis=0)
    both = (
        np.stack([np.searchsorted(order[:, axis], values[:, axis]) for axis in range(values.shape[1])], axis=1)
        for values in (train, test)
    )
    seen, unseen = both
    return seen.astype(np.float64), unseen.astype(np.float64)
