"""Tracks as a table, a row a point: what every reader of a format returns, and what cleaning and windows work on.

Flat, so that a million points of tracks of any lengths cost no padding.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw import COPIES, Arrays
from trajprobe.files import memory

Array = NDArray[np.float64]
#: Tracks that are padded at a time: numpy keeps the place of each point meanwhile.
TRACKS = 1024


@dataclass(frozen=True)
class PointTable:
    """m points of n tracks.

    A reader passes what its file holds and decodes nothing: `trajprobe.importers.decoding` does that for all formats.
    `in_order` sorts by track, which everything behind the readers relies on.
    """

    points: Array  #: (m d), d = 2 or 3; NaN where a coordinate is missing
    track: NDArray[np.int64]  #: (m), 0 to n-1: which track a point is of; the points of a track stand in file order
    track_names: NDArray[np.str_]  #: (n), what the file calls each track, for messages
    times: NDArray[Any] | None = None  #: (m), numbers or datetime64, NaN or NaT where missing; None: evenly spaced
    labels: NDArray[Any] | None = None  #: (n), (n 1) or one-hot (n k), of any type; None where the file has no labels
    label_names: NDArray[Any] | None = None  #: (k): integer labels are then their indices
    groups: NDArray[Any] | None = None  #: (n) or (n 1)
    split: NDArray[Any] | None = None  #: (n) or (n 1), `train` and `test`
    degrees: bool = False  #: x and y are longitude and latitude, by what the file says
    notes: tuple[str, ...] = ()  #: what was left out or changed: sentences without a full stop, kept with the data
    guesses: tuple[str, ...] = ()  #: what the file did not say and the reader took for granted: printed, not kept

    def __len__(self) -> int:
        return len(self.track_names)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(n), the number of points of each track."""
        return np.bincount(self.track, minlength=len(self)).astype(np.int64)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(n), the row of each track's first point, once the table is in order."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """(m), the place of each point within its track, from 0, once the table is in order."""
        return np.arange(len(self.track)) - self.starts[self.track]

    def in_order(self) -> "PointTable":
        """The same points, those of a track together, in file order."""
        if not (self.track[1:] < self.track[:-1]).any():
            return self
        order = np.argsort(self.track, kind="stable")
        return replace(
            self,
            points=self.points[order],
            track=self.track[order],
            times=None if self.times is None else self.times[order],
        )

    def with_points(self, keep: NDArray[Any], *notes: str) -> "PointTable":
        """Only the points that `keep` (m, booleans; or indices in a new order) names; tracks may be left empty."""
        times = None if self.times is None else self.times[keep]
        return replace(self, points=self.points[keep], track=self.track[keep], times=times, notes=(*self.notes, *notes))

    def with_tracks(self, keep: NDArray[np.bool_], *notes: str) -> "PointTable":
        """Only the tracks where `keep` (n), renumbered from 0."""
        if keep.all():
            return replace(self, notes=(*self.notes, *notes))
        numbers = np.cumsum(keep) - 1
        table = self.with_points(keep[self.track], *notes)
        per_track = {name: getattr(self, name) for name in ("track_names", "labels", "groups", "split")}
        kept = {name: values[keep] for name, values in per_track.items() if values is not None}
        return replace(table, track=numbers[table.track], **kept)

    def arrays(self, path: Path) -> Arrays:
        """The arrays of a data set, as `trajprobe.data.raw.check` takes them; the table must be in order, and decoded.

        Raises:
            UserError: they are larger than the free memory; `path` begins the message.
        """
        shape = (len(self), int(self.lengths.max(initial=0)), self.points.shape[1])
        remedy = f"the longest track has {shape[1]:,} points: cut it with --window, or take fewer tracks"
        memory.require(COPIES * 8 * int(np.prod(shape, dtype=object)), str(path), remedy)
        arrays: Arrays = {
            "trajectories": self._padded(self.points, shape),
            "lengths": self.lengths,
            "track_names": self.track_names,
        }
        if self.times is not None:
            arrays["times"] = self._padded(self.times, shape[:2])
        optional = {name: getattr(self, name) for name in ("labels", "label_names", "groups", "split")}
        return arrays | {name: values for name, values in optional.items() if values is not None}

    def _padded(self, values: Array, shape: tuple[int, ...]) -> Array:
        """Values (m ...) as an array (n t ...), NaN behind the end of a track; the same memory if none is shorter."""
        if (self.lengths == shape[1]).all():
            return np.require(values.reshape(shape), requirements="W")
        padded = np.full(shape, np.nan)
        ends = self.starts + self.lengths
        for first in range(0, len(self), TRACKS):
            last = min(first + TRACKS, len(self)) - 1
            real = np.arange(shape[1]) < self.lengths[first : last + 1, None]
            padded[first : last + 1][real] = values[self.starts[first] : ends[last]]
        return padded


def numbered(keys: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Tracks by their first point: for each of `keys` (m) its number, and the keys (n) by number."""
    values, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    numbers = np.empty(len(values), np.int64)
    numbers[order] = np.arange(len(values))
    return numbers[inverse], values[order]
