"""From tracks in the world to points on the frame: resampling in time, a view of 3-D, and the fit to the frame.

Only +, -, *, /, square roots, comparisons and floor are used on the way: IEEE arithmetic that every instruction set
does alike to the last bit. (A matrix product would not do: BLAS sums in an order of its own.)
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips.streams import uniform
from trajprobe.errors import UserError
from trajprobe.files.tracks import AXES, bounds
from trajprobe.params import Parameters, Seed

Array = NDArray[np.float64]
View = Literal["xy", "xz", "yz", "perspective"]
Scaling = Literal["track", "dataset", "robust", "none"]
Time = Literal["normalised", "duration", "arc_length"]
Fraction = Annotated[float, Meta(ge=0.0, lt=0.5)]
Coordinate = Annotated[float, Meta(ge=-1000.0, le=1000.0)]
Vector = tuple[Coordinate, Coordinate, Coordinate]
#: What is nearer to the viewer of a perspective than this share of the target's distance, or behind, stands there.
NEAREST = 0.05
#: The axis along which a flat view looks, and whether larger is nearer: in `xz` the viewer stands where y is small.
FACING = {"xy": (2, 1.0), "xz": (1, -1.0), "yz": (0, 1.0)}
#: In half-diagonals of the data's box from its middle: three of them along (1, 1, 1).
CORNER = (math.sqrt(3), math.sqrt(3), math.sqrt(3))


class Camera(Parameters, frozen=True):
    """From where a scene is seen."""

    view: View = "xy"  #: of 3-D tracks; 2-D ones are drawn as they are
    #: Of a perspective, z up: where the camera stands, and what it looks at, from the middle of the data's box in
    #: multiples of its half-diagonal.
    position: Vector = CORNER
    target: Vector = (0.0, 0.0, 0.0)
    #: Of a perspective: degrees that the frame spans. 0: the data's box fills the frame, but for `render.margin`.
    field_of_view: Annotated[float, Meta(ge=0.0, le=170.0)] = 0.0
    pan: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0  #: sides of the frame that it moves through a clip, to any side
    shake: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0  #: sides of the frame at most, in each frame anew
    seed: Seed = 0  #: of pan and shake, which each track has of its own

    def check(self, where: str) -> None:
        """Raises UserError where keys contradict."""
        of_perspective = ("position", "target", "field_of_view")
        changed = [key for key in of_perspective if getattr(self, key) != getattr(Camera(), key)]
        if self.view != "perspective" and changed:
            raise UserError(
                f"{where}: got `{changed[0]}` with the view {self.view}, expected view: perspective with it"
            )
        if self.position == self.target:
            raise UserError(f"{where}: got a camera that stands on its target, expected another `position`")
        if 0 < self.field_of_view < 1:
            raise UserError(
                f"{where}: got a `field_of_view` of {self.field_of_view:g} degrees, expected 0, or 1 or more"
            )

    def axes(self) -> tuple[Vector, Vector, Vector]:
        """The directions ahead, to the right and up."""
        x, y, z = (target - eye for target, eye in zip(self.target, self.position, strict=True))
        ahead = _unit((x, y, z))
        right = _cross(ahead, (0.0, 0.0, 1.0)) if ahead[0] or ahead[1] else (1.0, 0.0, 0.0)
        right = _unit(right)
        return ahead, right, _cross(right, ahead)

    @property
    def moves(self) -> bool:
        return bool(self.pan or self.shake)


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


def project(points: Array, camera: Camera, box: Array) -> Array:
    """The 2-D image of 2-D or 3-D points (... d) -> (... 2), y up; 2-D points are their own image.

    `xy`, `xz`, `yz` drop an axis. `perspective` is a pinhole camera: `Camera` says where; its image is to scale at
    its target's distance. `box` (2 d: low, high) is the data's.
    """
    if points.shape[-1] == 2:
        return points
    if camera.view != "perspective":
        return points[..., AXES[camera.view]]
    _, right, up = camera.axes()
    shrink = _shrink(points, camera, box)[1]
    across, above = (_along(points, camera, box, axis) for axis in (right, up))
    return np.stack([across * shrink, above * shrink], axis=-1)


def nearness(points: Array, camera: Camera, box: Array) -> tuple[Array, Array]:
    """How near 3-D points (... 3) are: from 0, the far side of the box, to 1 (...); and how large they look (...).

    In a perspective that is as it is, at most four times as large or small as at the camera's target. Flat views show
    a far point half as large, and a near one half as large again, as one in the middle.
    """
    if camera.view == "perspective":
        forward, _, _ = camera.axes()
        depth = _along(points, camera, box, forward)
        middle = -_half_diagonal(box) * _dot(camera.position, forward)
        across = 2 * _half_diagonal(box)
        near = 0.5 + (middle - depth) / (across if across > 0 else 1.0)
        return np.clip(near, 0, 1), np.clip(_shrink(points, camera, box)[1], 0.25, 4)
    axis, sign = FACING[camera.view]
    extent = box[1, axis] - box[0, axis]
    near = 0.5 + sign * (points[..., axis] - (box[0, axis] + box[1, axis]) / 2) / (extent if extent > 0 else 1.0)
    near = np.clip(near, 0, 1)
    return near, 0.5 + near


def _shrink(points: Array, camera: Camera, box: Array) -> tuple[float, Array]:
    """The distance of the camera's target, and by how much points (... 3) look larger than they would there."""
    forward, _, _ = camera.axes()
    away = [target - eye for target, eye in zip(camera.target, camera.position, strict=True)]
    distance = _half_diagonal(box) * math.sqrt(_dot(away, away))
    depth = np.maximum(_along(points, camera, box, forward), NEAREST * distance)
    return distance, distance / np.where(depth > 0, depth, 1.0)


def _along(points: Array, camera: Camera, box: Array, axis: Vector) -> Array:
    """How far points (... 3) are from the camera, in a direction: (...)."""
    middle = (box[0] + box[1]) / 2
    x, y, z = np.moveaxis(points - middle, -1, 0)
    return x * axis[0] + y * axis[1] + z * axis[2] - _half_diagonal(box) * _dot(camera.position, axis)


def _half_diagonal(box: Array) -> float:
    side = ((box[1] - box[0]) / 2).tolist()
    return math.sqrt(_dot(side, side))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _cross(one: Vector, other: Vector) -> Vector:
    return (
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(_dot(vector, vector))
    return vector[0] / length, vector[1] / length, vector[2] / length


def shift(camera: Camera, numbers: NDArray[np.int64], frames: int, resolution: int) -> NDArray[np.int64]:
    """By how many whole pixels a camera that moves has shifted what it sees, for some tracks (n): (n t 2)."""
    heading = 2 * uniform(camera.seed, numbers, "pan", 2)[:, None] - 1
    length = np.sqrt((heading * heading).sum(axis=-1, keepdims=True))
    way = camera.pan * heading / np.maximum(length, 1e-9) * (np.arange(frames) / max(frames - 1, 1) - 0.5)[:, None]
    way = way + camera.shake * (2 * uniform(camera.seed, numbers, "shake", 2 * frames).reshape(-1, frames, 2) - 1)
    return np.floor(way * resolution + 0.5).astype(np.int64)


def image_box(box: Array, camera: Camera) -> tuple[Array, Array]:
    """Low and high corner, each (1 1 2), of what the frame shows: the image of the box (2 d), or the field of view."""
    if camera.field_of_view and box.shape[1] == 3:
        # The last bits of a tangent are the C library's own.
        half = _shrink(box, camera, box)[0] * round(math.tan(math.radians(camera.field_of_view / 2)), 12)
        return np.full((1, 1, 2), -half), np.full((1, 1, 2), half)
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), axis=-1).reshape(1, -1, box.shape[1])
    return bounds(project(corners, camera, box), np.array([corners.shape[1]]))


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
