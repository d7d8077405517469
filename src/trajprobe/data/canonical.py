"""Canonical tracks: every point real, in the order of time; and exact duplicates."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trajprobe.data.raw import Raw, measured
from trajprobe.files.tracks import Tracks, blocks, bounds, by_blocks, padding
from trajprobe.stage import progress


def canonical(raw: Raw) -> Tracks:
    """Drops the points that are NaN (a gap is later crossed in a straight line) and sorts the rest by time.

    Arrays of which that changes nothing are taken over, not copied.
    """
    valid = measured(raw.trajectories, raw.times)
    lengths = valid.sum(1).astype(np.int64)
    in_order = by_blocks(lambda times: (times[:, 1:] >= times[:, :-1]).all(1), raw.times)
    if valid.all() and in_order.all():
        points, times = np.ascontiguousarray(raw.trajectories), np.ascontiguousarray(raw.times)
    else:
        points, times = _sorted(raw, valid, int(lengths.max()))
        no_point = padding(lengths, points.shape[1])
        points[no_point], times[no_point] = 0.0, 0.0
    low, high = bounds(points, lengths)
    return Tracks(points, times, lengths, np.concatenate([low.min(axis=0), high.max(axis=0)]))


def _sorted(raw: Raw, valid: NDArray[np.bool_], longest: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `valid` (n t) points, and their times, by time, first in each track: (n longest d), (n longest)."""
    points = np.empty((len(valid), longest, raw.trajectories.shape[2]))
    times = np.empty((len(valid), longest))
    for block in blocks(*valid.shape):
        order = np.argsort(np.where(valid[block], raw.times[block], np.inf), axis=1, kind="stable")[:, :longest]
        points[block] = np.take_along_axis(raw.trajectories[block], order[..., None], axis=1)
        times[block] = np.take_along_axis(raw.times[block], order, axis=1)
    return points, times


def duplicates(tracks: Tracks) -> NDArray[np.int64]:
    """For each track (n) the number of its set of exact duplicates: same points at the same times."""
    seen: dict[bytes, int] = {}
    numbers = np.empty(len(tracks), np.int64)
    for i, length in enumerate(progress(tracks.lengths, "duplicates", "tracks", len(tracks))):
        points, times = tracks.points[i, :length] + 0.0, tracks.times[i, :length] + 0.0  # -0.0 is 0.0
        digest = hashlib.sha256(points.tobytes() + times.tobytes()).digest()
        numbers[i] = seen.setdefault(digest, len(seen))
    return numbers


def merge(groups: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """The finest groups (n) that part neither a group of `groups` (n) nor one of `others` (n)."""
    offset = int(groups.max()) + 1
    nodes = offset + int(others.max()) + 1
    graph = coo_array((np.ones(len(groups)), (groups, others + offset)), shape=(nodes, nodes))
    component = connected_components(graph, directed=False)[1][groups]
    return np.unique(component, return_inverse=True)[1].astype(np.int64)
