"""Guards: near copies of tracks, and tracks that look grouped though no groups were given; by nearest neighbours.

A track is a point in space here: its coordinates at `MOMENTS` equal steps of its points. A k-d tree finds neighbours.

Near copies. Where points lie evenly, (d_1 / d_k)^D of the distances to the first and the k-th neighbour has the
distribution of the least of k - 1 uniform numbers, however dense they lie, D being the dimension of the set (the idea
of Facco, d'Errico, Rodriguez and Laio 2017, Sci. Rep. 7, 12140, who take k = 2). So
    P(d_1 / d_k <= r) = 1 - (1 - r^D)^(k - 1) <= (k - 1) r^D.
D is measured by the medians of d_j / d_(j+1), whose D j-th power is uniform: copies in pairs touch d_1 / d_2 alone. It
is the least of that of the set, of the class, and of tracks of like extent (tracks that stand differ in two numbers,
others in many), and `MOST_DIMENSIONS` at most.

Order. Recordings of one person mostly stand side by side in a file. If the order within each class were random, the
places of a track and of its nearest neighbour, each as a share of its own class, would differ by 1/3 on average, with a
variance of 1/18; two such differences that have a track in common have a covariance of 1/180 (the moments of |U - V|, U
and V uniform).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from trajprobe.data.raw_file import RawFile, equal, several
from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import Tracks

Array = NDArray[np.float64]
MOMENTS = 6
#: k, of the module's text.
NEIGHBOURS = 6
#: Of a set of honest tracks, one in so many has a near copy by chance; of the guard on the order, far fewer.
P = 0.001
#: A dimension that few tracks measure is uncertain, and a higher one would make coincidences of what is none.
MOST_DIMENSIONS = 6.0
#: Classes with fewer tracks take the dimension of the whole set.
LEAST_OF_CLASS = 30
#: Tracks of like extent: so many of the sample.
LIKE = 40
#: And so much nearer than the sixth neighbour a near copy must be, whatever the dimension.
NEAR = 0.1
#: Tracks of which all neighbours are looked up. Of the others the sixth is looked up roughly, as one that is at most
#: 1 + `ROUGHLY` times as far as it is, which in many dimensions costs a hundredth; and the first, where it is so near.
SAMPLE, ROUGHLY = 4000, 10.0
#: Standard errors by which neighbours must stand closer in the file than in random order, and by what share.
ERRORS, CLOSER = 4.0, 0.1


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of a sample of m tracks, and what finds others."""

    tree: KDTree
    places: Array  #: (n e), what the tree holds
    tracks: NDArray[np.int64]  #: (n), which tracks: one of each set of exact duplicates
    sample: NDArray[np.int64]  #: (m), which of the n
    distances: Array  #: (m k), rising; of a track that has fewer neighbours, infinite
    nearest: NDArray[np.int64]  #: (m k), which of the n; n where there is none


def neighbours(tracks: Tracks, same: NDArray[np.int64]) -> Neighbours:
    """Of tracks of which `same` (n) is the number of the set of exact duplicates."""
    chosen = np.unique(same, return_index=True)[1]
    places = _places(tracks, chosen)
    tree = KDTree(places)
    sample = np.unique(np.linspace(0, len(chosen) - 1, min(SAMPLE, len(chosen))).astype(np.int64))
    distances, nearest = _others(tree, places, sample)
    return Neighbours(tree, places, chosen, sample, distances, nearest)


def near_copies(near: Neighbours, labelling: Labelling, file: RawFile) -> Iterator[Finding]:
    """At most one finding: pairs of tracks of different groups that are no coincidence."""
    pairs = _pairs(near, labelling)
    pairs = pairs[labelling.groups[pairs[:, 0]] != labelling.groups[pairs[:, 1]]]
    if not len(pairs):
        return
    folds, labels = labelling.folds[pairs], labelling.labels[pairs]
    across = pairs[(folds[:, :1] != folds).any(axis=1)].ravel()
    leaked = len(np.unique(across[labelling.folds[across] >= 0]))
    mixed = int((labels[:, 0] != labels[:, 1]).sum())
    items = file.sets(list(np.sort(pairs, axis=1)))
    yield Finding(
        "near copies",
        f"{several(len(pairs), 'pair')} of tracks lie far closer than neighbours of their class do (rows of "
        f"{file.path}, from 0: {first([equal(rows) for rows in items])})"
        + (f", {mixed:,} of them of different classes" if mixed else "")
        + f". Are they recordings of one motion? {leaked:,} of {int((labelling.folds >= 0).sum()):,} tested tracks "
        f"have such a copy in train: give each pair one group ({file.imported_with('--group KEY')}), or leave one out.",
        items,
    )


def order(near: Neighbours, labelling: Labelling, file: RawFile) -> Iterator[Finding]:
    """At most one finding: nearest neighbours stand side by side in the file. For tracks that have no groups."""
    labels = labelling.labels[near.tracks]
    positions = np.empty(len(labels))
    for label in np.unique(labels):
        inside = np.flatnonzero(labels == label)
        positions[inside] = np.arange(len(inside)) / (len(inside) + 1)
    right = near.nearest[:, 0] < len(labels)
    edges = np.stack([near.sample[right], near.nearest[right, 0]])
    edges = np.unique(np.sort(edges, axis=0), axis=1)
    count = edges.shape[1]
    if not count:
        return
    apart = np.abs(positions[edges[0]] - positions[edges[1]])
    degrees = np.bincount(edges.ravel())
    variance = count / 18 + (degrees * (degrees - 1) / 2).sum() / 90
    errors = (count / 3 - apart.sum()) / np.sqrt(variance)
    closer = 1 - 3 * apart.mean()
    if errors > ERRORS and closer > CLOSER:
        yield Finding(
            "order",
            f"Tracks look grouped, and the data set has no `groups`: the track nearest to each stands "
            f"{100 * closer:.0f} % closer in {file.path} than in random order ({errors:.0f} standard errors). Tracks "
            "of one person or recording mostly stand side by side. If that is so here, a probe is tested on tracks "
            f"whose siblings it was trained on: name each track's source ({file.imported_with('--group KEY')}).",
        )


def _places(tracks: Tracks, chosen: NDArray[np.int64]) -> Array:
    """Coordinates (n e) at equal steps of each track's points, e = moments x d."""
    at = (tracks.lengths[chosen, None] - 1) * (np.arange(MOMENTS) / (MOMENTS - 1))
    left = np.floor(at).astype(np.int64)
    right = np.minimum(left + 1, tracks.lengths[chosen, None] - 1)
    share = (at - left)[..., None]
    places = tracks.points[chosen[:, None], left] * (1 - share) + tracks.points[chosen[:, None], right] * share
    return places.reshape(len(chosen), -1)


def _others(
    tree: KDTree, places: Array, chosen: NDArray[np.int64], within: float = np.inf
) -> tuple[Array, NDArray[np.int64]]:
    """Distances and numbers (m k) of the k nearest others of the `chosen` (m), ties in any order.

    Those that are not `within` that distance have an infinite one, and the number n.
    """
    distances, nearest = tree.query(places[chosen], k=NEIGHBOURS + 1, distance_upper_bound=within)
    itself = nearest == chosen[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than k lie at the same place
    shape = len(chosen), NEIGHBOURS
    return distances[~itself].reshape(shape), nearest[~itself].reshape(shape).astype(np.int64)


def _dimension(distances: Array) -> float:
    """The dimension of a set, from the distances (m k) to the neighbours of m of its points."""
    estimates = []
    for j in range(2, NEIGHBOURS):
        nearer, farther = distances[:, j - 1], distances[:, j]
        valid = np.isfinite(farther) & (farther > 0)
        median = np.median(nearer[valid] / farther[valid]) if valid.any() else 0.0
        if 0 < median < 1:
            estimates.append(np.log(2) / (-np.log(median) * j))
    return min(float(np.median(estimates)), MOST_DIMENSIONS) if estimates else 1.0


def _pairs(near: Neighbours, labelling: Labelling) -> NDArray[np.int64]:
    """Pairs (p 2) of tracks that are near copies."""
    count = len(near.tracks)
    labels = labelling.labels[near.tracks]
    of_all = _dimension(near.distances)
    dimensions = np.full(len(labelling.names), of_all)
    of_sample = labels[near.sample]
    for label in np.unique(of_sample):
        if (of_sample == label).sum() >= LEAST_OF_CLASS:
            dimensions[label] = min(of_all, _dimension(near.distances[of_sample == label]))
    finite = near.distances[:, -1][np.isfinite(near.distances[:, -1])]
    if not len(finite):
        return np.empty((0, 2), np.int64)
    # A near copy has its first neighbour within this: what is looked up roughly is no nearer than the sixth. No sixth
    # counts as farther than nearly all of the sample's are.
    of_class = _ratios(dimensions, count)
    sixths = near.tree.query(near.places, k=NEIGHBOURS + 1, eps=ROUGHLY)[0][:, -1]
    within = np.minimum(of_class[labels] * sixths, of_class.max() * np.quantile(finite, 0.99))
    firsts = np.full(count, np.inf)
    for some, bound in _alike(within):
        firsts[some] = near.tree.query(near.places[some], k=2, distance_upper_bound=bound)[0][:, 1]
    candidates = np.flatnonzero(firsts <= within)
    if not len(candidates):
        return np.empty((0, 2), np.int64)
    ratios = _ratios(np.minimum(_dimensions_of_like(near, candidates), dimensions[labels[candidates]]), count)
    distances, nearest = np.empty((2, len(candidates))), np.empty(len(candidates), np.int64)
    for some, bound in _alike(firsts[candidates] / ratios):  # a sixth neighbour beyond it is far enough
        of_some, numbers = _others(near.tree, near.places, candidates[some], bound)
        distances[:, some], nearest[some] = of_some[:, [0, -1]].T, numbers[:, 0]
    close = (distances[1] > 0) & (distances[0] <= ratios * distances[1])
    pairs = np.unique(np.sort(np.stack([candidates[close], nearest[close]]), axis=0), axis=1)
    return near.tracks[pairs.T]


def _alike(widths: Array) -> Iterator[tuple[NDArray[np.int64], float]]:
    """Which of the `widths` (m) differ by less than a factor of two, and a number above all of these."""
    exponents = np.frexp(np.maximum(widths, np.finfo(np.float64).tiny))[1]
    for exponent in np.unique(exponents).tolist():
        yield np.flatnonzero(exponents == exponent), math.ldexp(1.0, exponent)


def _ratios(dimensions: Array, count: int) -> Array:
    """The d_1 / d_k that one of `count` tracks has by chance with a probability of `P`, for each dimension."""
    ratios: Array = np.minimum((P / (count * (NEIGHBOURS - 1))) ** (1 / dimensions), NEAR)
    return ratios


def _dimensions_of_like(near: Neighbours, chosen: NDArray[np.int64]) -> Array:
    """For each of the `chosen` tracks (m) the dimension of those of the sample that reach about as far."""
    moments = near.places.reshape(len(near.places), MOMENTS, -1)
    extents = np.ptp(moments, axis=1).max(axis=1)
    order = near.sample[np.argsort(extents[near.sample], kind="stable")]
    distances = near.distances[np.argsort(extents[near.sample], kind="stable")]
    starts = np.searchsorted(extents[order], extents[chosen]) - LIKE // 2
    starts = np.clip(starts, 0, max(len(order) - LIKE, 0)).tolist()
    of_start = {start: _dimension(distances[start : start + LIKE]) for start in set(starts)}
    return np.array([of_start[start] for start in starts])
