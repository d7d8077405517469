"""Canonical tracks: every point real, in the order of time; and exact duplicates."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from trajprobe.data.raw import Raw
from trajprobe.files.tracks import Tracks, padding


def canonical(raw: Raw) -> Tracks:
    """Drops the points that are NaN (a gap is later crossed in a straight line) and sorts the rest by time."""
    valid = np.isfinite(raw.trajectories).all(2) & np.isfinite(raw.times)
    order = np.argsort(np.where(valid, raw.times, np.inf), axis=1, kind="stable")
    lengths = valid.sum(1)
    longest = int(lengths.max())
    order = order[:, :longest]
    no_point = padding(lengths, longest)
    points = np.take_along_axis(raw.trajectories, order[..., None], axis=1)
    times = np.take_along_axis(raw.times, order, axis=1)
    real = ~no_point[..., None]
    low, high = points.min((0, 1), initial=np.inf, where=real), points.max((0, 1), initial=-np.inf, where=real)
    box = np.stack([low, high])
    points[no_point], times[no_point] = 0.0, 0.0
    return Tracks(points, times, lengths.astype(np.int64), box)


def duplicates(tracks: Tracks) -> NDArray[np.int64]:
    """For each track (n) the number of its set of exact duplicates: same points at the same times."""
    seen: dict[bytes, int] = {}
    numbers = np.empty(len(tracks), np.int64)
    for i, length in enumerate(tqdm(tracks.lengths, desc="duplicates", unit="track", delay=1)):
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
