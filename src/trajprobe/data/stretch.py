"""Guard: do a few tracks stretch the box of the data set? Drawn to one scale, all other clips shrink to stills."""

from collections.abc import Iterator, Sequence

import numpy as np

from trajprobe.data.raw_file import RawFile, several
from trajprobe.files.findings import Finding
from trajprobe.files.tracks import Tracks, bounds

#: So many of the tracks, at most, count as few.
FEW = 0.05
#: A track stretches the box when it reaches beyond twice the box that is left without the few that reach furthest.
BEYOND = 2.0
#: Told from here on: how many times longer the box is with those tracks than without them. From `GRAVE` on, what fills
#: a frame of 32 pixels by itself moves within 3.
FACTOR, GRAVE = 4.0, 10.0


def findings(tracks: Tracks, axes: Sequence[int], file: RawFile, scaling: str) -> Iterator[Finding]:
    """At most one finding.

    Args:
        tracks: of them, the box is drawn.
        axes: those that are drawn.
        file: names the tracks.
        scaling: `render.scaling`. By `dataset` the box decides the scale; by `robust` those tracks are cut; else the
            box decides nothing.
    """
    if scaling not in ("dataset", "robust"):
        return
    low, high = (corner[:, 0, list(axes)] for corner in bounds(tracks.points, tracks.lengths))
    middle = np.median((low + high) / 2, axis=0)
    reach = np.maximum(high - middle, middle - low).max(axis=1)
    order = np.argsort(-reach, kind="stable")
    most = max(1, int(FEW * len(order)))
    if most >= len(order):
        return
    # Of each k up to `most`, the longer side of the box without the k tracks that reach furthest.
    lows = np.minimum.accumulate(low[order[::-1]], axis=0)[::-1][: most + 1]
    highs = np.maximum.accumulate(high[order[::-1]], axis=0)[::-1][: most + 1]
    sides = (highs - lows).max(axis=1)
    count = int(np.argmax(sides <= BEYOND * sides[most]))
    if not sides[count] or sides[0] < FACTOR * sides[count]:
        return
    chosen = order[:count]
    grave = bool(sides[0] >= GRAVE * sides[count] and scaling == "dataset")
    remedy = (
        f"{file.imported_with('--outliers place')} leaves wild points out, `render.scaling: robust` cuts them"
        if scaling == "dataset"
        else "`render.scaling: robust` cuts them"
    )
    yield Finding(
        "stretched box",
        f"{several(count, 'track')} of {len(order):,} stretch{'es' * (count == 1)} the data set's box "
        f"{sides[0] / sides[count]:,.0f} times {file.named(chosen)}"
        + (
            f", and at one scale all other clips shrink by as much: {remedy}."
            if scaling == "dataset"
            else f"; {remedy}."
        ),
        file.items(chosen),
        grave,
    )
