"""Canonical tracks, as every later part reads them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.atomic import read_npz, write_npz

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
        return Tracks(**read_npz(path))
