"""Guard: a number that marks the end of tracks (0 or -999, say) and would be drawn as a jump to that place; padding."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import RawFile, several
from trajprobe.files.findings import Finding
from trajprobe.files.tracks import Tracks

#: So many tracks, and such a share of all, end at the same point, to the last bit, with two or more points.
TRACKS, SHARE = 3, 0.05
#: And most of them jump there: by so many times the longest of their other steps.
JUMP = 3.0
#: The share of tracks from which on clips show the mark rather than the motion.
GRAVE = 0.1
#: Tracks whose jump is measured.
SAMPLE = 1000
#: Zeros that fill tracks of different lengths to one: so many at the end, of so many different counts, and this share
#: of their tracks jumps there by more than any other step. Whoever comes back to (0, 0) does so in steps as others.
RUN, LENGTHS, LEAPS = 3, 3, 0.5


def findings(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """At most one finding. `file` names the tracks."""
    yield from _jumps(tracks, file) or _padding(tracks, file)


def filled(
    lengths: NDArray[np.int64], zeros: NDArray[np.int64], points_of: Callable[[int], NDArray[np.float64]]
) -> NDArray[np.int64]:
    """The tracks (i) that zeros behind their end fill to the length of all; none, where that is not their pattern.

    A track that starts at (0, 0), as many are given relative to their start, may end there too, and rest: the step
    there is then one as others. Padding is of many tracks of several lengths, and half of them leap to it.

    Args:
        lengths: (n), of points, zeros at the end included.
        zeros: (n), how many points at the end are 0 in all coordinates.
        points_of: the points (t d) of a track by its number.
    """
    padded = np.flatnonzero((zeros >= RUN) & (zeros < lengths))
    if np.ptp(lengths) or len(padded) < max(TRACKS, SHARE * len(lengths)):
        return padded[:0]
    if len(np.unique(zeros[padded])) < LENGTHS:
        return padded[:0]
    leaps = [_jump(points_of(track)) > 1 for track in _sample(padded)]
    return padded if np.mean(leaps) >= LEAPS else padded[:0]


def _jumps(tracks: Tracks, file: RawFile) -> list[Finding]:
    long = np.flatnonzero(tracks.lengths >= 3)
    ends = tracks.points[long, tracks.lengths[long] - 1] + 0.0
    still = (ends == tracks.points[long, tracks.lengths[long] - 2]).all(axis=1)
    long, ends = long[still], ends[still]
    if not len(long):
        return []
    values, of_value, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    most = int(counts.argmax())
    chosen = long[of_value.ravel() == most]
    if len(chosen) < max(TRACKS, SHARE * len(tracks)):
        return []
    jumps = [_jump(tracks.points[track, : tracks.lengths[track]]) for track in _sample(chosen)]
    if np.median(jumps) < JUMP:
        return []
    mark = " ".join(f"{value:g}" for value in np.unique(values[most]))
    options = " ".join(f"--missing={value}" for value in mark.split())
    what = f"jump to {tuple(values[most].tolist())} and stay there"
    return [_finding(what, "is it a mark for missing points?", options, chosen, tracks, file)]


def _padding(tracks: Tracks, file: RawFile) -> list[Finding]:
    ends = np.maximum(tracks.lengths[:, None] + np.arange(-RUN, 0), 0)
    at_zero = np.flatnonzero(~tracks.points[np.arange(len(tracks))[:, None], ends].any(axis=(1, 2)))
    zeros = np.zeros(len(tracks), np.int64)
    for track in at_zero.tolist():
        moved = np.flatnonzero(tracks.points[track, : tracks.lengths[track]].any(axis=1))
        zeros[track] = tracks.lengths[track] - (moved[-1] + 1 if len(moved) else 0)
    chosen = filled(tracks.lengths, zeros, lambda track: tracks.points[track, : tracks.lengths[track]])
    what = f"end with {RUN} zeros or more, which fill all tracks to {tracks.lengths[0]} points"
    question = "are they shorter tracks?"
    return [_finding(what, question, "--missing=padding", chosen, tracks, file)] if len(chosen) else []


def _finding(
    what: str, question: str, option: str, chosen: NDArray[np.int64], tracks: Tracks, file: RawFile
) -> Finding:
    return Finding(
        "end marks",
        f"{several(len(chosen), 'track')} of {len(tracks):,} {what} {file.named(chosen)}: {question} "
        f"{file.imported_with(option)} leaves them out.",
        file.items(chosen),
        len(chosen) >= GRAVE * len(tracks),
    )


def _sample(tracks: NDArray[np.int64]) -> list[int]:
    """Some of the tracks, evenly."""
    places = np.unique(np.linspace(0, len(tracks) - 1, min(SAMPLE, len(tracks))).astype(np.int64))
    return [int(track) for track in tracks[places]]


def _jump(points: NDArray[np.float64]) -> float:
    """How long the step to the place of the last points (t d) is, in longest steps before it; 0 where all are there."""
    away = np.flatnonzero((points != points[-1]).any(axis=1))
    if not len(away):
        return 0.0
    steps = np.sqrt((np.diff(points[: away[-1] + 2], axis=0) ** 2).sum(axis=1))
    usual = steps[:-1].max(initial=0.0)
    return float(steps[-1] / usual) if usual > 0 else float("inf")
