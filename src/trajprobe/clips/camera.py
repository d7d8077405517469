"""From tracks in the world to points on the frame: resampling in time, a view of 3-D, and the fit to the frame.

Only +, -, *, /, square roots, comparisons and floor are used on the way: IEEE arithmetic that every instruction set
does alike to the last bit. (A matrix product would not do: BLAS sums in an order of its own.)
"""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.files.tracks import AXES, bounds

Array = NDArray[np.float64]
View = Literal["xy", "xz", "yz", "perspective"]
Scaling = Literal["track", "dataset", "robust", "none"]
Time = Literal["normalised", "duration", "arc_length"]
Fraction = Annotated[float, Meta(ge=0.0, lt=0.5)]
#: A viewer of the perspective view stands this many times the data's half-diagonal from its middle.
DISTANCE = 3.0
#: What is nearer to that viewer than this share of the distance, or behind, is drawn as if it stood there.
NEAREST = 0.05


def resample(
    times: Array, points: Array, lengths: NDArray[np.int64], frames: int, duration: float | None = None
) -> Array:
    """Tracks at `frames` equal time steps, linearly interpolated.

    Args:
        times: (n t), rising within each track.
        points: (n t d).
        lengths: (n), how many points of each track are real.
        duration: of all frames together, from each track's first time on; what is over by then stands where it ended.
            By default each track's own.

    Returns:
        (n frames d).
    """
    out = np.empty((len(points), frames, points.shape[-1]))
    steps = np.arange(frames) / max(frames - 1, 1)
    for track, (time, point, length) in enumerate(zip(times, points, lengths, strict=True)):
        start, end = time[0], time[length - 1]
        at = start + (end - start) * steps if duration is None else np.minimum(start + duration * steps, end)
        right = np.clip(np.searchsorted(time[:length], at, side="right"), 1, max(length - 1, 1))
        left = right - 1
        right = np.minimum(right, length - 1)
        span = time[right] - time[left]
        share = np.where(span > 0, (at - time[left]) / np.where(span > 0, span, 1), 1.0)[:, None]
        out[track] = point[left] * (1 - share) + point[right] * share
    return out


def arc_lengths(points: Array) -> Array:
    """How far along its path each point of each track (n t d) is, from the first one: (n t)."""
    steps = np.diff(points, axis=1)
    squares = steps[..., 0] * steps[..., 0]
    for axis in range(1, steps.shape[2]):
        squares += steps[..., axis] * steps[..., axis]
    out = np.zeros(points.shape[:2])
    np.cumsum(np.sqrt(squares), axis=1, out=out[:, 1:])
    return out


def quantile(values: Array, share: float) -> Array:
    """The least of `values` (n ...) that at least this share of the n do not exceed: (...)."""
    count = len(values)
    rank = min(int(np.ceil(share * count)), count)
    result: Array = np.partition(values, max(rank, 1) - 1, axis=0)[max(rank, 1) - 1]
    return result


def project(points: Array, view: View, box: Array) -> Array:
    """The 2-D image of 2-D or 3-D points (... d) -> (... 2); 2-D points are their own image.

    `xy`, `xz`, `yz` drop an axis. `perspective` looks along (-1, -1, -1) at the middle of `box` (2 d: low, high)
    from `DISTANCE` half-diagonals away, z up.
    """
    if points.shape[-1] == 2:
        return points
    if view != "perspective":
        return points[..., AXES[view]]
    x, y, z = np.moveaxis(points - (box[0] + box[1]) / 2, -1, 0)
    across = (y - x) / np.sqrt(2.0)
    up = (2 * z - x - y) / np.sqrt(6.0)
    towards = (x + y + z) / np.sqrt(3.0)
    side = (box[1] - box[0]) / 2
    diagonal = np.sqrt(side[0] * side[0] + side[1] * side[1] + side[2] * side[2])
    depth = np.maximum(DISTANCE * diagonal - towards, NEAREST * DISTANCE * diagonal)
    shrink = DISTANCE * diagonal / np.where(depth > 0, depth, 1.0)
    return np.stack([across * shrink, up * shrink], axis=-1)


def image_box(box: Array, view: View) -> tuple[Array, Array]:
    """Low and high corner, each (1 1 2), of the image of the box (2 d)."""
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), axis=-1).reshape(1, -1, box.shape[1])
    return bounds(project(corners, view, box), np.array([corners.shape[1]]))


def fit(image: Array, low: Array, high: Array, resolution: int, margin: float) -> Array:
    """Points of the image plane (n t 2), y up, as pixels (n t 2: column, row), row down, aspect kept.

    The box from `low` to `high` (n or 1, 1, 2) is centred in the frame, and its longer side fills it but for
    `margin` (a share of `resolution`) on both sides. A box without extent goes to the middle.
    """
    extent = (high - low).max(axis=-1, keepdims=True)
    room = (1 - 2 * margin) * resolution
    scale = np.where(extent > 0, room / np.where(extent > 0, extent, 1.0), 0.0)
    centred = (image - (low + high) / 2) * scale
    return centred * np.array([1.0, -1.0]) + (resolution - 1) / 2
