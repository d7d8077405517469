"""Canonical tracks, as every later part reads them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.atomic import write_npz
from trajprobe.files.reading import read_npz

Array = NDArray[np.float64]
#: The axes of space that a view of 3-D tracks along the third one shows; perspective shows them all.
AXES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2), "perspective": (0, 1, 2)}
#: Points of a block of tracks, about.
BLOCK = 2**18


def padding(lengths: NDArray[np.int64], steps: int) -> NDArray[np.bool_]:
    """Where ragged tracks have no point: (n t), t = `steps`, True from each track's length (n) on."""
    return np.arange(steps) >= lengths[:, None]


def blocks(count: int, steps: int) -> Iterator[slice]:
    """Slices of `count` tracks of `steps` points: what is computed from one at a time needs the memory of one."""
    size = max(1, BLOCK // max(steps, 1))
    return (slice(start, start + size) for start in range(0, count, size))


def by_blocks(function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]) -> NDArray[Any]:
    """What `function` returns of some rows of `arrays` (the first n t ..., the others n ...) at a time: (n ...)."""
    return np.concatenate([function(*(array[block] for array in arrays)) for block in blocks(*arrays[0].shape[:2])])


def bounds(points: Array, lengths: NDArray[np.int64]) -> tuple[Array, Array]:
    """Low and high corner, each (n 1 d), of the first `lengths` (n) points of each track (n t d)."""
    corners = by_blocks(_corners, points, lengths)
    return corners[:, :1], corners[:, 1:]


def _corners(points: Array, lengths: NDArray[np.int64]) -> Array:
    """Low and high corner (n 2 d) of tracks (n t d) of `lengths` (n)."""
    no_point = padding(lengths, points.shape[1])[..., None]
    low, high = np.where(no_point, np.inf, points), np.where(no_point, -np.inf, points)
    return np.stack([low.min(axis=1), high.max(axis=1)], axis=1)


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
