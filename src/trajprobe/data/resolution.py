"""Guards: times and places without resolution. A clip's frames are equal steps of time, and show places."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import RawFile, several
from trajprobe.files.findings import Finding, first
from trajprobe.files.tracks import Array, Tracks, bounds, padding

#: Points whose times are looked at, at least: fewer say little.
POINTS = 8
#: Times are coarse where fewer than this share of the points of a track have a time of their own.
COARSE = 0.5
#: A pause is most of a track where one step takes more than this share of its duration.
PAUSE = 0.9
#: Told from this share of the tracks on, and grave from that one on.
TOLD, GRAVE = 0.01, 0.5
#: Places are coarse where half of the tracks that move span fewer than so many of the shortest steps there are.
PLACES = 8
BLOCK = 4096

REASONS = {
    "equal": "have the same time at all points, and of each the last point alone is drawn: save the true times, or "
    "leave `times` out",
    "coarse": "have fewer different times than half their points, as seconds since 1970 in float32 do, and of equal "
    "times the last point alone is drawn: save times in float64, or counted from the start of the recording",
    "late": f"spend more than {100 * PAUSE:.0f} % of their duration between two points, and all others are drawn in "
    "the rest of the clip: mend a wrong time, or split tracks at long pauses ({})",
}


def places(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """At most one finding: the tracks reach over few of the places that their numbers can express."""
    low, high = (corner[:, 0] for corner in bounds(tracks.points, tracks.lengths))
    shortest = np.min(
        [_shortest_steps(tracks[start : start + BLOCK]) for start in range(0, len(tracks), BLOCK)], axis=0
    )
    moving = (high > low).any(axis=1)
    span = ((high - low)[moving] / shortest).max(axis=1)
    if len(span) and np.median(span) < PLACES:
        yield Finding(
            "coarse places",
            f"Half of the tracks of {file.path} that move span fewer than {np.median(span) + 1:.0f} of the shortest steps "
            f"that occur ({first([f'{step:g}' for step in shortest])}), as large numbers in float32 do: save coordinates "
            "in float64, or subtract the same point from all before saving.",
        )


def _shortest_steps(tracks: Tracks) -> Array:
    """The shortest step along each axis (d) that is one; infinite where there is none."""
    steps = np.abs(np.diff(tracks.points, axis=1))
    steps[padding(tracks.lengths, tracks.points.shape[1])[:, 1:]] = 0.0
    return np.where(steps > 0, steps, np.inf).min(axis=(0, 1), initial=np.inf)


def times(tracks: Tracks, file: RawFile) -> Iterator[Finding]:
    """A finding for each kind of trouble, of the tracks that have it. `file` names them."""
    kinds = np.concatenate([_kinds(tracks[start : start + BLOCK]) for start in range(0, len(tracks), BLOCK)], axis=1)
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
