"""Canonical tracks: every point real, in the order of time; and exact duplicates."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trajprobe.data.raw import Raw, measured
from trajprobe.files.tracks import Array, Tracks, blocks, bounds, by_blocks, padding
from trajprobe.stage import progress


def canonical(raw: Raw, *, in_place: bool = False) -> Tracks:
    """Drops the points that are NaN (a gap is later crossed in a straight line) and sorts the rest by time.

    Arrays of which that changes nothing are taken over, not copied. With `in_place` the others are too, so that memory
    holds the tracks once: the points and times of `raw` are then none.
    """
    valid = measured(raw.trajectories, raw.times)
    lengths = valid.sum(1).astype(np.int64)
    in_order = by_blocks(lambda times: (times[:, 1:] >= times[:, :-1]).all(1), raw.times)
    points, times = np.ascontiguousarray(raw.trajectories), np.ascontiguousarray(raw.times)
    if not (valid.all() and in_order.all()):
        points, times = _sorted(points, times, valid, in_place)
    low, high = bounds(points, lengths)
    return Tracks(points, times, lengths, np.concatenate([low.min(axis=0), high.max(axis=0)]))


def _sorted(points: Array, times: Array, valid: NDArray[np.bool_], in_place: bool) -> tuple[Array, Array]:
    """The `valid` (n t) of the points (n t d) and of their times (n t), by time, then zero: (n longest d), (n longest).

    In place they stand at the begin of the arrays' memory: a block's place ends before the next block begins.
    """
    (count, steps, axes), lengths = points.shape, valid.sum(axis=1)
    longest = int(lengths.max())
    flat_points = points.reshape(-1) if in_place else np.empty(count * longest * axes)
    flat_times = times.reshape(-1) if in_place else np.empty(count * longest)
    into_points = flat_points[: count * longest * axes].reshape(count, longest, axes)
    into_times = flat_times[: count * longest].reshape(count, longest)
    for block in blocks(count, steps):
        order = np.argsort(np.where(valid[block], times[block], np.inf), axis=1, kind="stable")[:, :longest]
        into_points[block] = np.take_along_axis(points[block], order[..., None], axis=1)
        into_times[block] = np.take_along_axis(times[block], order, axis=1)
        no_point = padding(lengths[block], longest)
        into_points[block][no_point], into_times[block][no_point] = 0.0, 0.0
    return into_points, into_times


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
