"""Guard: a number that marks the end of tracks (0 or -999, say) and would be drawn as a jump to that place."""

from collections.abc import Iterator

import numpy as np

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


def findings(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """At most one finding. `file` names the tracks."""
    long = np.flatnonzero(tracks.lengths >= 3)
    ends = tracks.points[long, tracks.lengths[long] - 1] + 0.0
    still = (ends == tracks.points[long, tracks.lengths[long] - 2]).all(axis=1)
    long, ends = long[still], ends[still]
    if not len(long):
        return
    values, of_value, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    most = int(counts.argmax())
    chosen = long[of_value.ravel() == most]
    if len(chosen) < max(TRACKS, SHARE * len(tracks)):
        return
    some = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(SAMPLE, len(chosen))).astype(np.int64))]
    jumps = [_jump(tracks.points[track, : tracks.lengths[track]]) for track in some.tolist()]
    if np.median(jumps) < JUMP:
        return
    mark = " ".join(f"{value:g}" for value in np.unique(values[most]))
    yield Finding(
        "end marks",
        f"{several(len(chosen), 'track')} of {len(tracks):,} jump to {tuple(values[most].tolist())} and stay there "
        f"{file.named(chosen)}: is it a mark for missing points? "
        f"{file.imported_with(' '.join(f'--missing={value}' for value in mark.split()))} leaves them out.",
        file.items(chosen),
        len(chosen) >= GRAVE * len(tracks),
    )


def _jump(points: np.ndarray) -> float:
    """How long the step to the place of the last points (t d) is, in longest steps before it; 0 where all are there."""
    away = np.flatnonzero((points != points[-1]).any(axis=1))
    if not len(away):
        return 0.0
    steps = np.sqrt((np.diff(points[: away[-1] + 2], axis=0) ** 2).sum(axis=1))
    usual = steps[:-1].max(initial=0.0)
    return float(steps[-1] / usual) if usual > 0 else float("inf")
