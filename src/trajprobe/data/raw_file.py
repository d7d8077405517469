"""How a message names the tracks of a raw file, and the command that imports it again with an option."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.findings import first


@dataclass(frozen=True)
class RawFile:
    """The file that n tracks are of."""

    path: str
    rows: NDArray[np.int64]  #: (n), the row of each track in the file, counted from 0

    def items(self, tracks: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
        """The rows of these tracks, as a finding lists them."""
        return tuple((row,) for row in np.sort(self.rows[tracks]).tolist())

    def sets(self, tracks: Sequence[NDArray[np.int64]]) -> tuple[tuple[int, ...], ...]:
        """The rows of these sets of tracks."""
        return tuple(sorted(tuple(self.rows[of_set].tolist()) for of_set in tracks))

    def named(self, tracks: NDArray[np.int64]) -> str:
        """The first of these tracks by their rows."""
        rows = np.sort(self.rows[tracks]).tolist()
        return f"(row{'s' * (len(rows) > 1)} of {self.path}, from 0: {first(rows)})"

    def imported_with(self, option: str) -> str:
        """The command that imports the file once more."""
        return f"`trajprobe data import FILE --name {Path(self.path).stem} --force {option}`"


def equal(rows: tuple[int, ...]) -> str:
    """A set of rows: 3 = 17."""
    return " = ".join(map(str, rows[:4])) + (f" = ... ({len(rows):,} rows)" if len(rows) > 4 else "")


def several(count: int, noun: str) -> str:
    """`1 track`, `2 tracks`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
