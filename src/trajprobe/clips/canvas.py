"""Patches onto frames, many at once.

Frames are bytes (f h w), w = 3 x the frame's width: red, green and blue of a pixel side by side. A patch is copied, or
blended, through a view of all windows of its size on the frames, so that a frame costs no step of Python.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips.shapes import SUBPIXELS

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]
#: Shares are kept as integers: this much is all of a pixel.
WHOLE = 256
#: Frames at a time that are cleared and drawn on. Fewer stay in the cache, but threads then wait for one another.
FRAMES = 320
Colour = Sequence[int]
T = TypeVar("T", bound=np.generic)


def cells(points: Array, resolution: int, reach: int) -> Integers:
    """The cells of the sub-pixel grid that points (... 2) fall into: points of one cell are drawn alike, to the byte.

    All points whose shape, `reach` pixels from its middle to its edge, is out of sight have one cell.
    """
    nearest = _nearest(points, resolution, reach)
    middle = nearest // SUBPIXELS
    hidden = (middle < -reach) | (middle >= resolution + reach)
    return np.where(hidden.any(axis=-1, keepdims=True), -(2 * reach + 1) * SUBPIXELS, nearest)


def _nearest(points: Array, resolution: int, reach: int) -> Integers:
    """The places of the sub-pixel grid nearest to points (... 2)."""
    side = 2 * reach + 1
    # What is further off is out of sight all the same; a bound keeps the integers small.
    return np.floor(np.clip(points, -side, resolution + side) * SUBPIXELS + 0.5).astype(np.int64)


def corners_and_entries(points: Array, resolution: int, reach: int) -> tuple[Integers, Integers]:
    """For points (k 2): column and row of the patch's corner (k 2), and its entry in a table of 64 (k)."""
    middle, shifts = np.divmod(_nearest(points, resolution, reach), SUBPIXELS)
    return middle - reach, shifts[:, 1] * SUBPIXELS + shifts[:, 0]


def shares(table: Array) -> NDArray[np.uint16]:
    """A table of shares (... h w), 0 to 1, as integers for `blend`: (... h 3w)."""
    return fixed(np.floor(table * WHOLE + 0.5).astype(np.uint16).repeat(3, axis=-1))


def coloured(table: Array, colour: Colour, background: Colour) -> Bytes:
    """Patches of one colour on another: shares (k h w) -> uint8 (k h 3w)."""
    out = np.empty((*table.shape, 3), np.uint8)
    for channel, (low, high) in enumerate(zip(background, colour, strict=True)):
        out[..., channel] = np.floor(low + (high - low) * table + 0.5)
    return fixed(out.reshape(*table.shape[:-1], -1))


def fixed(table: NDArray[T]) -> NDArray[T]:
    """The same table, which can't be written to: it is kept for all clips that follow."""
    table.flags.writeable = False
    return table


def windows(frames: Bytes, side: int) -> NDArray[np.void]:
    """All windows of `side` pixels on frames (f h w), by the place of their first byte: (bytes side), a row an item.

    h pixels are w = h*c bytes wide, c being 3, or 1 where there are no colours. numpy copies a row that is one item
    twice as fast as its bytes.
    """
    _, height, row = frames.shape
    width = row // height * side
    count = frames.size - (side - 1) * row - width + 1
    return np.ndarray((count, side), f"V{width}", frames, 0, (1, row))


def seen(view: NDArray[np.void], places: Integers) -> Bytes:
    """What windows at some places (k) show: (k h w)."""
    return view[places].view(np.uint8).reshape(len(places), view.shape[1], -1)


def put(view: NDArray[np.void], places: Integers, patches: Bytes) -> None:
    """Copies patches (k h w) into windows at some places (k)."""
    view[places] = np.ascontiguousarray(patches).view(view.dtype)[..., 0]


def at(frames: Bytes, numbers: Integers, corners: Integers) -> Integers:
    """The places in `windows` of windows on the frames `numbers` (k), by column and row (k 2)."""
    _, height, row = frames.shape
    return (numbers * height + corners[:, 1]) * row + row // height * corners[:, 0]


def cut(table: NDArray[T], entries: Integers, corners: Integers, resolution: int) -> tuple[NDArray[T], Integers]:
    """Patches that lie within the frame: entries (k) of a table (m h w), with their corners at `corners` (k 2).

    Returns:
        The patches, each moved into the frame where its own part of it is kept in place and the rest is 0; and their
        corners.
    """
    side, channels = table.shape[1], table.shape[2] // table.shape[1]
    room = min(side, resolution)
    inside = np.clip(corners, 0, resolution - room)
    moved = inside - corners
    whole = (moved == 0).all(axis=1) if room == side else np.zeros(len(corners), np.bool_)
    if whole.all():
        return table[entries], inside
    patches = np.zeros((len(entries), room, channels * room), table.dtype)
    if whole.any():
        patches[whole] = table[entries[whole]]
    for patch in np.flatnonzero(~whole).tolist():
        x, y = moved[patch].tolist()
        columns = slice(channels * max(x, 0), channels * max(x + room, 0))
        piece = table[entries[patch], max(y, 0) : max(y + room, 0), columns]
        top, left = max(-y, 0), channels * max(-x, 0)
        patches[patch, top : top + piece.shape[0], left : left + piece.shape[1]] = piece
    return patches, inside


def copy(frames: Bytes, table: Bytes, entries: Integers, corners: Integers, background: Colour) -> None:
    """Clears frames (f h w) to one colour and copies an entry of a coloured table onto each."""
    resolution, side = frames.shape[1], table.shape[1]
    line = np.tile(np.array(background, np.uint8), resolution)
    grey = background[0] if len(set(background)) == 1 else None
    inside = np.clip(corners, 0, max(resolution - side, 0)) == corners
    whole = inside[:, 0] & inside[:, 1] if side <= resolution else np.zeros(len(corners), np.bool_)
    chosen = np.flatnonzero(whole)
    view, places = windows(frames, min(side, resolution)), at(frames, chosen, corners[chosen])
    which, buffer = entries[chosen], np.empty((FRAMES, *table.shape[1:]), np.uint8)
    ends = np.searchsorted(chosen, np.arange(0, len(frames) + FRAMES, FRAMES)).tolist()
    for number, (start, end) in enumerate(pairwise(ends)):
        part = frames[number * FRAMES : (number + 1) * FRAMES]
        if grey is None:
            part[:] = line
        else:
            part.fill(grey)
        if start < end:
            patches = np.take(table, which[start:end], axis=0, out=buffer[: end - start], mode="clip")  # faster than []
            put(view, places[start:end], patches)
    cut_off = np.flatnonzero(~whole)
    own = corners[cut_off]
    low, high = np.maximum(own, 0), np.maximum(np.minimum(own + side, resolution), 0)
    boxes = np.concatenate([low, high, low - own, high - own], axis=1) * np.array([3, 1] * 4)
    for frame, entry, box in zip(cut_off.tolist(), entries[cut_off].tolist(), boxes.tolist(), strict=True):
        left, top, right, bottom, first_column, first_row, last_column, last_row = box
        if left < right and top < bottom:
            frames[frame, top:bottom, left:right] = table[entry, first_row:last_row, first_column:last_column]


def blend(under: Bytes, colours: NDArray[np.uint16], share: NDArray[np.uint16]) -> Bytes:
    """Colours over what is under them (k h w): share / `WHOLE` of the colour, rounded; in 16 bits throughout."""
    out = (WHOLE - share) * under
    out += share * colours
    out += WHOLE // 2
    out >>= 8
    return out.astype(np.uint8)


def paint(
    frames: Bytes, table: NDArray[np.uint16], entries: Integers, corners: Integers, numbers: Integers, colours: Bytes
) -> None:
    """Blends patches onto frames (f h w), of which none is named twice.

    Args:
        frames: what is painted on.
        table: shares (m h 3w).
        entries: of the table (k).
        corners: of the patches (k 2), in or out of the frame.
        numbers: of the frames that they are on (k).
        colours: one a patch (k 3), or its own colours for each entry of the table (m h 3w).
    """
    if not len(entries):
        return
    share, inside = cut(table, entries, corners, frames.shape[1])
    view, places = windows(frames, share.shape[1]), at(frames, numbers, inside)
    if colours.ndim == 3:
        ink, _ = cut(colours, entries, corners, frames.shape[1])
    else:
        ink = np.tile(colours, share.shape[1])[:, None]
    put(view, places, blend(seen(view, places), ink.astype(np.uint16), share))
