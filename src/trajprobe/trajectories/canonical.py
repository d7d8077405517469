"""Canonical tracks: every point real, in the order of time; and exact duplicates found."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trajprobe.storage import write_npz
from trajprobe.trajectories.raw import Raw

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tracks:
    """n tracks of at most t points; what is behind a track's length is zero."""

    points: Array  #: (n t d)
    times: Array  #: (n t), not falling within a track
    lengths: NDArray[np.int64]  #: (n)
    box: Array  #: (2 d), low and high corner of the data set that the tracks are of

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> "Tracks":
        return Tracks(self.points[chosen], self.times[chosen], self.lengths[chosen], self.box)

    def digest(self) -> str:
        """sha256 of the tracks: features of other tracks are never compared with features of these."""
        return hashlib.sha256(b"".join(a.tobytes() for a in (self.points, self.times, self.lengths))).hexdigest()

    def save(self, path: Path) -> None:
        write_npz(path, {"points": self.points, "times": self.times, "lengths": self.lengths, "box": self.box})

    @staticmethod
    def load(path: Path) -> "Tracks":
        with np.load(path, allow_pickle=False) as file:
            return Tracks(file["points"], file["times"], file["lengths"], file["box"])


def canonical(raw: Raw) -> Tracks:
    """Drops the points that are NaN (a gap is later crossed in a straight line) and sorts the rest by time."""
    valid = np.isfinite(raw.trajectories).all(2) & np.isfinite(raw.times)
    order = np.argsort(np.where(valid, raw.times, np.inf), axis=1, kind="stable")
    lengths = valid.sum(1)
    longest = int(lengths.max())
    order = order[:, :longest]
    beyond = np.arange(longest) >= lengths[:, None]
    points = np.take_along_axis(raw.trajectories, order[..., None], axis=1)
    times = np.take_along_axis(raw.times, order, axis=1)
    box = np.stack([np.nanmin(raw.trajectories, axis=(0, 1)), np.nanmax(raw.trajectories, axis=(0, 1))])
    points[beyond], times[beyond] = 0.0, 0.0
    return Tracks(points, times, lengths.astype(np.int64), box)


def duplicates(tracks: Tracks) -> NDArray[np.int64]:
    """For each track (n) the number of its set of exact duplicates: same points at the same times."""
    seen: dict[bytes, int] = {}
    keys = (
        tracks.points[i, :length].tobytes() + tracks.times[i, :length].tobytes()
        for i, length in enumerate(tracks.lengths)
    )
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def merge(groups: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """The finest groups (n) that part neither a group of `groups` (n) nor one of `others` (n)."""
    offset = int(groups.max()) + 1
    nodes = offset + int(others.max()) + 1
    graph = coo_array((np.ones(len(groups)), (groups, others + offset)), shape=(nodes, nodes))
    component = connected_components(graph, directed=False)[1][groups]
    return np.unique(component, return_inverse=True)[1].astype(np.int64)
