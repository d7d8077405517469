"""Guards: times and places without resolution. A clip's frames are equal steps of time, and show places."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import RawFile, several
from trajprobe.files.findings import Finding, first
from trajprobe.files.tracks import Tracks, blocks, padding

#: Points whose times are looked at, at least: fewer say little.
POINTS = 8
#: Times are coarse where fewer than this share of the points of a track have a time of their own.
COARSE = 0.5
#: A pause is most of a track where one step takes more than this share of its duration.
PAUSE = 0.9
#: Told from this share of the tracks on, and grave from that one on.
TOLD, GRAVE = 0.01, 0.5
#: Places are coarse where half of the steps that change a coordinate are at most so many times the least one, and that
#: one is at most so many units of a float32 at the largest coordinate.
STEPS, UNITS, FLOAT32 = 16, 4, 2.0**-24
#: Tracks whose places are looked at.
SAMPLE = 2000

REASONS = {
    "equal": "have the same time at all points, so only the last point of each is drawn: save the true times, or "
    "leave `times` out",
    "coarse": "have fewer different times than half their points, as seconds since 1970 in float32 do; of points at "
    "the same time only the last one is drawn: save times in float64, or counted from the start of the recording",
    "late": f"spend more than {100 * PAUSE:.0f} % of their duration between two points, and all others are drawn in "
    "the rest of the clip: correct a wrong time, or split tracks at long pauses ({})",
}


def places(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """At most one finding: coordinates as large as these hardly express the steps in 24 bits, which a float32 has."""
    chosen = np.unique(np.linspace(0, len(tracks) - 1, min(SAMPLE, len(tracks))).astype(np.int64))
    some = tracks[chosen]
    steps = np.abs(np.diff(some.points, axis=1))
    steps = steps[~padding(some.lengths, some.points.shape[1])[:, 1:]]
    coarse = []
    # Not strict: tracks of two axes have no z.
    for letter, of_axis, largest in zip("xyz", steps.T, np.abs(some.points).max(axis=(0, 1)), strict=False):
        moved = of_axis[of_axis > 0]
        if len(moved) and moved.min() <= UNITS * FLOAT32 * largest and np.median(moved) <= STEPS * moved.min():
            coarse.append(f"{letter} by {moved.min():g}")
    if coarse:
        yield Finding(
            "coarse places",
            f"Coordinates of {file.path} change in steps that are all but the least a float32 can express at such "
            f"numbers ({first(coarse)}): the motion is rounded away. Subtract the same point from all, or use float64, "
            "before they are saved.",
        )


def times(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """A finding for each kind of trouble, of the tracks that have it. `file` names them."""
    kinds = np.concatenate([_kinds(tracks[block]) for block in blocks(*tracks.times.shape)], axis=1)
    for (name, reason), of_kind in zip(REASONS.items(), kinds, strict=True):
        chosen = np.flatnonzero(of_kind)
        if len(chosen) and len(chosen) >= TOLD * len(tracks):
            text = reason.format(file.imported_with("--max-gap LONGEST"))
            yield Finding(
                f"{name} times",
                f"{several(len(chosen), 'track')} of {len(tracks):,} {file.named(chosen)} {text}; "
                "`render.time: arc_length` draws equal steps of the path, whatever the times.",
                file.items(chosen),
                len(chosen) >= GRAVE * len(tracks),
            )


def _kinds(tracks: Tracks) -> NDArray[np.bool_]:
    """Whether each track (kinds n) has equal times, coarse times, or a pause that is nearly all of it."""
    every = np.arange(len(tracks))
    steps = np.diff(tracks.times, axis=1)
    steps[padding(tracks.lengths, tracks.times.shape[1])[:, 1:]] = 0.0
    duration = tracks.times[every, tracks.lengths - 1] - tracks.times[:, 0]
    different = 1 + (steps > 0).sum(axis=1)
    enough = tracks.lengths >= POINTS
    equal = (duration == 0) & (tracks.lengths > 1)
    coarse = enough & ~equal & (different < COARSE * tracks.lengths)
    longest = steps.max(axis=1, initial=0.0)
    late = enough & ~equal & ~coarse & (longest > PAUSE * duration)
    return np.stack([equal, coarse, late])
