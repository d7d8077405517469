"""Canonical tracks, as every later part reads them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.atomic import write_npz
from trajprobe.files.reading import read_npz

Array = NDArray[np.float64]
#: The axes of space that a view of 3-D tracks along the third one shows; perspective shows them all.
AXES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2), "perspective": (0, 1, 2)}


def padding(lengths: NDArray[np.int64], steps: int) -> NDArray[np.bool_]:
    """Where ragged tracks have no point: (n t), t = `steps`, True from each track's length (n) on."""
    return np.arange(steps) >= lengths[:, None]


def bounds(points: Array, lengths: NDArray[np.int64]) -> tuple[Array, Array]:
    """Low and high corner, each (n 1 d), of the first `lengths` (n) points of each track (n t d)."""
    no_point = padding(lengths, points.shape[1])[..., None]
    low = np.where(no_point, np.inf, points).min(axis=1, keepdims=True)
    high = np.where(no_point, -np.inf, points).max(axis=1, keepdims=True)
    return low, high


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
        digest = hashlib.sha256()
        for array in (self.points, self.times, self.lengths):
            digest.update(np.ascontiguousarray(array).data.cast("B"))  # no copy of all tracks
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        write_npz(path, {"points": self.points, "times": self.times, "lengths": self.lengths, "box": self.box})

    @staticmethod
    def load(path: Path) -> "Tracks":
        arrays, _ = read_npz(path, ("points", "times", "lengths", "box"))
        return Tracks(**arrays)
