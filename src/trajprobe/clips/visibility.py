"""Guards on the clips of a format: what they would not show of the motion. Each yields its findings.

All of it follows from where the blobs stand, so no clip is drawn for it: blobs in one cell of the sub-pixel grid are
the same bytes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips import canvas
from trajprobe.clips.scene import SHOWN, Array, Framing, Places, durations
from trajprobe.clips.sections import Rendering
from trajprobe.files.findings import Finding, first, of_clips
from trajprobe.files.tracks import Tracks

#: Pixels a frame: where half of the clips move by less, most of their frames differ by a shade of the blob's edge.
SLOW = 0.5
#: The share of still clips, and of clips that are never in the frame, from which on no number means anything. A class
#: may well stand still.
STILL, HIDDEN = 0.9, 0.5


@dataclass(frozen=True)
class Motion:
    """What is seen of n tracks, in the clip of each, or in its clips by several cameras."""

    steps: Array  #: (n), how far the blob moves from one frame to the next on average, pixels; where it moves most
    still: NDArray[np.bool_]  #: (n), all frames of a clip are the same bytes
    outside: Array  #: (n), the share of frames in which the blob's middle is out of the frame
    bytes: NDArray[np.uint64]  #: (n), a hash of the clips' bytes

    @staticmethod
    def of(places: Places, rendering: Rendering) -> "Motion":
        """Of clips of tracks that stand at `places`."""
        form = rendering.form
        points = places.points.reshape(-1, len(rendering.scene.cameras), *places.points.shape[1:])  # (n v t 2)
        cells = canvas.cells(points, form.resolution, rendering.reach)
        steps = np.sqrt((np.diff(points, axis=2) ** 2).sum(axis=3))
        outside = ((points < -0.5) | (points > form.resolution - 0.5)).any(axis=3)
        hashes = [int.from_bytes(hashlib.sha256(clips.tobytes()).digest()[:8]) for clips in cells.astype(np.int32)]
        return Motion(
            steps.sum(axis=2).max(axis=1) / max(form.frames - 1, 1),
            (cells == cells[:, :, :1]).all(axis=(1, 2, 3)),
            outside.mean(axis=(1, 2)),
            np.array(hashes, np.uint64),
        )

    @staticmethod
    def joined(parts: Sequence["Motion"]) -> "Motion":
        return Motion(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.still for part in parts]),
            np.concatenate([part.outside for part in parts]),
            np.concatenate([part.bytes for part in parts]),
        )


def findings(tracks: Tracks, shared: Framing, motion: Motion, rendering: Rendering, name: str) -> list[Finding]:
    """All findings on the clips of format `name`, in the order in which they are to be read.

    Args:
        tracks: n of them.
        shared: their framing.
        motion: what is seen of them.
        rendering: how they are drawn.
        name: the format's name.
    """
    found = [*_hidden(motion, name), *_lengths(tracks, shared, name)]
    if rendering.form.frames > 1:  # a single frame shows no motion, and is not meant to
        found += [*_still(motion, rendering, name), *_alike(tracks, motion, rendering, name)]
    return found


def _hidden(motion: Motion, name: str) -> Iterator[Finding]:
    leaving = np.flatnonzero(motion.outside > 0)
    if not len(leaving):
        return
    never = int((motion.outside == 1).sum())
    yield Finding(
        f"{name}: outside",
        f"Clips {name}: {_count(leaving, motion)} leave the frame, in {_percent(motion.outside.mean())} % of frames"
        + (f"; {never:,} are never in it" if never else "")
        + f" ({_named(leaving, name)}). `render.scaling: dataset` shows all of them; with `robust` those that reach "
        "furthest are cut, and with `none` the frame is the unit square.",
        _items(leaving),
        never >= HIDDEN * len(motion.outside),
    )


def _lengths(tracks: Tracks, shared: Framing, name: str) -> Iterator[Finding]:
    if shared.duration is None:
        return
    own = durations(tracks)
    shorter, longer = own < shared.duration, np.flatnonzero(own > shared.duration)
    if shorter.any():
        padding = 1 - np.median(own[shorter]) / shared.duration
        yield Finding(
            f"{name}: padding",
            f"Clips {name} last {shared.duration:g}, as {100 * SHOWN:g} % of the tracks do at most. "
            f"{int(shorter.sum()):,} of {len(own):,} are shorter and stand where they ended, half of them for "
            f"more than {_percent(padding)} % of the clip: durations show. `render.time: normalised` hides them.",
        )
    if len(longer):
        yield Finding(
            f"{name}: cut",
            f"Clips {name} last {shared.duration:g}: {len(longer):,} of {len(own):,} tracks are longer, and their ends "
            f"are not shown ({_named(longer, name)}).",
            _items(longer),
        )


def _still(motion: Motion, rendering: Rendering, name: str) -> Iterator[Finding]:
    scaling = rendering.placement.scaling
    same = "all their frames are the same" if rendering.scene.is_plain else "the marker stays where it is"
    still = np.flatnonzero(motion.still)
    remedies = [
        "a higher `resolution`, or fewer frames, show more",
        *["`render.scaling: robust` cuts tracks that reach far beyond the others"] * (scaling == "dataset"),
        *["`track` lets each track fill the frame"] * (scaling != "track"),
    ]
    remedy = ", ".join(remedies)
    if len(still):
        yield Finding(
            f"{name}: still",
            f"Clips {name}: {_count(still, motion)} stand still: {same} "
            f"({_named(still, name)}). If these tracks do move, {remedy}.",
            _items(still),
            len(still) >= STILL * len(motion.still),
        )
    median = float(np.median(motion.steps))
    if median < SLOW and len(still) < STILL * len(motion.still):
        yield Finding(
            f"{name}: slow",
            f"Clips {name}: in half of them the blob moves less than {median:.2f} pixels a frame, where {SLOW:g} can "
            f"hardly be seen: {remedy}.",
        )


def _alike(tracks: Tracks, motion: Motion, rendering: Rendering, name: str) -> Iterator[Finding]:
    """Clips of the same bytes whose tracks differ: of tracks that do not, another guard tells."""
    same = "have the same bytes as" if rendering.scene.is_plain else "have the marker at the same places as"
    moving = np.flatnonzero(~motion.still)
    order = moving[np.argsort(motion.bytes[moving], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(motion.bytes[order])) + 1)
    sets = sorted(tuple(part.tolist()) for part in parts if len(part) > 1 and not _equal(tracks, part))
    if sets:
        clips = sum(map(len, sets))
        yield Finding(
            f"{name}: alike",
            f"Clips {name}: {clips:,} of {len(tracks):,} {same} one of another track "
            f"({first([' = '.join(map(str, of_set)) for of_set in sets], of_clips(name))}, counted from 0), so that "
            "nothing tells them apart; a higher `resolution`, or more frames, may.",
            tuple(sets),
        )


def _equal(tracks: Tracks, chosen: NDArray[np.int64]) -> bool:
    """Whether these tracks are exact duplicates: same points at the same times (padding is zero)."""
    one = chosen[0]
    return all(
        tracks.lengths[other] == tracks.lengths[one]
        and np.array_equal(tracks.points[other], tracks.points[one])
        and np.array_equal(tracks.times[other], tracks.times[one])
        for other in chosen[1:]
    )


def _items(clips: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple((clip,) for clip in clips.tolist())


def _named(clips: NDArray[np.int64], name: str) -> str:
    return f"clip{'s' * (len(clips) > 1)} {first(clips.tolist(), of_clips(name))}, counted from 0"


def _count(clips: NDArray[np.int64], motion: Motion) -> str:
    return f"{len(clips):,} of {len(motion.still):,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
