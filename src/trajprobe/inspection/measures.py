"""A data set to be looked at: read as `prepare` reads it, with numbers of each track."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data import raw, synthetic
from trajprobe.data.canonical import canonical
from trajprobe.data.raw import Raw
from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.tracks import Tracks, bounds, padding
from trajprobe.inspection.refusals import not_here
from trajprobe.params import check_name, section

RAW = Path("data/raw")
SYNTHETIC = "synthetic"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """Numbers of n tracks, in the units of the data."""

    points: NDArray[np.int64]  #: (n), how many are no NaN
    gaps: NDArray[np.int64]  #: (n), how many between the first and the last one are NaN
    duration: Array  #: (n), from the first to the last time
    extent: Array  #: (n), the longer side of the box around the track
    length: Array  #: (n), along the path
    speed: Array  #: (n), length by duration; NaN where the duration is zero
    longest_step: Array  #: (n), between neighbouring points
    has_times: bool  #: False: times are but the numbers of the points


@dataclass(frozen=True)
class DataSet:
    """A checked data set and its canonical tracks."""

    name: str
    path: Path  #: of its raw file
    raw: Raw
    tracks: Tracks

    @cached_property
    def measures(self) -> Measures:
        return measure(self.raw, self.tracks)


def open_dataset(name: str, values: dict[str, Any]) -> DataSet:
    """The data set NAME; `synthetic` is drawn anew, as params.yaml (`values`) describes it, since it may have no file.

    Raises:
        UserError: there is no such data set, its file is not here, or it is not the file that was imported.
    """
    path = RAW / f"{name}.npz"
    if name == SYNTHETIC:
        params = section(values, synthetic.Synthetic, "synthetic")
        data = raw.check(synthetic.arrays(params.clips, params, params.seed), path)
    else:
        check_name(name, "NAME")
        if not path.is_file():
            raise UserError(no_such_set(name))
        imported.check(path)
        data = raw.load(path)
    return DataSet(name, path, data, canonical(data))


def imported_names() -> list[str]:
    """The names of the data sets that were imported, in order."""
    return sorted(path.name.removesuffix(".npz.dvc") for path in RAW.glob("*.npz.dvc"))


def no_such_set(name: str) -> str:
    """What to do about a data set whose file is not here."""
    path = RAW / f"{name}.npz"
    if imported.dvc_file(path).is_file():
        return f"{path}: {not_here(path)}"
    names = ", ".join([SYNTHETIC, *imported_names()])
    return f"NAME: got {name!r}, expected one of {names}; `trajprobe data import FILE --name {name}` brings one in"


def measure(data: Raw, tracks: Tracks) -> Measures:
    """Numbers of each track, of its points in the order of time."""
    last = tracks.lengths - 1
    every = np.arange(len(tracks))
    duration = tracks.times[every, last] - tracks.times[:, 0]
    low, high = bounds(tracks.points, tracks.lengths)
    steps = np.sqrt(np.square(np.diff(tracks.points, axis=1)).sum(axis=2))
    steps[padding(last, steps.shape[1])] = 0.0
    length = steps.sum(axis=1)
    finite = np.isfinite(data.trajectories).all(axis=2) & np.isfinite(data.times)
    first, end = finite.argmax(axis=1), finite.shape[1] - finite[:, ::-1].argmax(axis=1)
    return Measures(
        points=tracks.lengths,
        gaps=end - first - tracks.lengths,
        duration=duration,
        extent=(high - low).max(axis=(1, 2)),
        length=length,
        speed=np.divide(length, duration, out=np.full(len(tracks), np.nan), where=duration > 0),
        longest_step=steps.max(axis=1, initial=0.0),
        has_times=bool((duration != last).any()),
    )


def quantity(value: float) -> str:
    """A number in some four digits, whole ones in all of theirs; `-` where there is none."""
    if not np.isfinite(value):
        return "-"
    size = abs(value)
    return f"{value:,.0f}" if size < 1e15 and (size >= 1e4 or value == round(value)) else f"{value:.4g}"
