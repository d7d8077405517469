"""From tracks to video. A clip is a function of its track, of the set's framing, of how it is drawn, and of the track's
number: never of its label, nor of the clips beside it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips import background, camera, canvas, clutter, marker, sensor, shapes, trail
from trajprobe.clips.colours import Colour
from trajprobe.clips.sections import Placement, Rendering, Scene
from trajprobe.clips.streams import CAMERA
from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.files.tracks import Tracks, bounds

Array = NDArray[np.float64]
#: The share of tracks that a robust box holds on each side, and that a clip of fixed duration shows to their end.
SHOWN = 0.95
#: Sides of the frame beyond which no blob is seen (it reaches 3.6 of its standard deviations, and has less than half a
#: side of them). Places stop there: what stands further off, cut by a robust box, could be any number.
OUT_OF_SIGHT = 2.0
#: Bytes of frames that are drawn at once, and clips at most.
CHUNK, CLIPS = 2**24, 64


def check_memory(rendering: Rendering, clips: int, where: str) -> None:
    """Refuses a format of which so many clips, drawn at once, do not fit into memory.

    Raises:
        UserError: what they need, and what the machine has; `where` begins the message.
    """
    clip = rendering.form.frames * rendering.form.resolution**2 * 3
    working = 0 if rendering.scene.is_plain else 4 * min(max(CHUNK, clip), clips * clip)
    largest = 2.0 if rendering.scene.marker.radius_by == "depth" else 1.0
    tables = shapes.coverage_memory(rendering.scene.marker.shape, largest * rendering.radius)
    if rendering.scene.clutter.level:
        tables += clutter.table_memory(rendering.thing)
    size = 2 * clips * clip + working + tables  # uint8, and once more while it is packed
    remedy = "lower `frames`, `resolution` or the marker's `radius`"
    memory.require(size, where, remedy, memory.total())


@dataclass(frozen=True)
class Framing:
    """What all clips of a set share: it is measured on all tracks of the set, and each track is placed by it."""

    box: Array  #: (2 d), low and high corner of what a frame shows, but where each track fills the frame
    duration: float | None  #: from a clip's first frame to its last, in the data set's time; None: the track's own


def framing(tracks: Tracks, placement: Placement) -> Framing:
    """The framing of a whole set: not of a part of it, which would be drawn to another scale."""
    box, duration = tracks.box, None
    if placement.scaling == "robust":
        low, high = (corner[:, 0] for corner in bounds(tracks.points, tracks.lengths))
        box = np.stack([-camera.quantile(-low, SHOWN), camera.quantile(high, SHOWN)])
    elif placement.scaling == "none":
        box = np.stack([np.zeros(tracks.points.shape[2]), np.ones(tracks.points.shape[2])])
    if placement.time == "duration":
        duration = float(camera.quantile(durations(tracks), SHOWN))
    return Framing(box, duration)


def durations(tracks: Tracks) -> Array:
    """From the first to the last time of each track (n)."""
    return tracks.times[np.arange(len(tracks)), tracks.lengths - 1] - tracks.times[:, 0]


@dataclass(frozen=True)
class Places:
    """Where the tracks of n clips stand in t frames, in pixels: column and row, 0 the middle of the first one."""

    points: Array  #: (n t 2), of the marker
    path: Array  #: (n s 2), moments of the way, as the camera's first place shows it; s = t without a trail
    shift: NDArray[np.int64]  #: (n t 2), by how much the camera has moved what it sees since
    nearness: Array  #: (n t), from 0, far, to 1
    looks: Array  #: (n t), how many times as large as usual it looks
    numbers: NDArray[np.int64]  #: (n), of the clips: all that is random is drawn from them

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> "Places":
        return Places(*(array[chosen] for array in vars(self).values()))

    @staticmethod
    def side_by_side(by_camera: "Sequence[Places]") -> "Places":
        """Of the clips of each track one behind the other, from those of each camera."""
        arrays = zip(*(vars(places).values() for places in by_camera), strict=True)
        return Places(*(np.stack(each, axis=1).reshape(-1, *each[0].shape[1:]) for each in arrays))

    def digest(self, scene: Scene) -> str:
        """sha256 of all that decides how they are drawn in a scene."""
        digest = hashlib.sha256(self.points.tobytes())
        if not scene.is_plain:
            for array in (self.path, self.shift, self.nearness, self.looks):
                digest.update(np.ascontiguousarray(array).data.cast("B"))
        if scene.clutter.level:
            digest.update(self.numbers.tobytes())
        return digest.hexdigest()


def place(tracks: Tracks, shared: Framing, rendering: Rendering, numbers: NDArray[np.int64] | None = None) -> Places:
    """Where n tracks stand in the v clips of each: a track's clips follow one another, one by each camera.

    Args:
        tracks: these tracks.
        shared: the framing of the set that they are of.
        rendering: how they are drawn.
        numbers: their numbers in the set (n); 0, 1, ... by default.

    Returns:
        Of n v clips.

    Raises:
        UserError: the scene shows depth or has several cameras, and the tracks are flat.
    """
    scene, form, placement = rendering.scene, rendering.form, rendering.placement
    flat = tracks.points.shape[2] == 2
    if flat and len(scene.cameras) > 1:
        raise UserError(
            f"params.yaml: `scenes.{form.scene}.camera`: got {len(scene.cameras)} cameras, but tracks in 2-D, which "
            "look the same from everywhere; expected one camera"
        )
    if flat and scene.marker.by_depth:
        raise UserError(
            f"params.yaml: `scenes.{form.scene}`: got a marker by depth, but tracks in 2-D; expected radius_by: none, "
            "and colour_by: none or time"
        )
    strokes = trail.substeps(form.frames) if scene.trail.width and form.frames > 1 else 1
    numbers = np.arange(len(tracks)) if numbers is None else numbers
    times = camera.arc_lengths(tracks.points) if placement.time == "arc_length" else tracks.times
    steps = (form.frames - 1) * strokes + 1
    moments = camera.resample(times, tracks.points, tracks.lengths, steps, shared.duration)
    seen = []
    for order, by in enumerate(scene.cameras):
        image = camera.project(moments, by, shared.box)
        if placement.scaling == "track":
            low, high = bounds(camera.project(tracks.points, by, shared.box), tracks.lengths)
        else:
            low, high = camera.image_box(shared.box, by)
        margin = 0.0 if by.field_of_view and not flat else placement.margin
        path = camera.fit(image, low, high, form.resolution, margin)
        path = np.clip(path, -OUT_OF_SIGHT * form.resolution, (1 + OUT_OF_SIGHT) * form.resolution)
        of_clips = numbers + order * CAMERA
        shift = camera.shift(by, of_clips, form.frames, form.resolution)
        points = path[:, ::strokes] + shift if by.moves else path[:, ::strokes]
        nearness, looks = np.zeros(points.shape[:2]), np.ones(points.shape[:2])
        if scene.marker.by_depth:
            nearness, looks = camera.nearness(moments[:, ::strokes], by, shared.box)
        seen.append(Places(np.ascontiguousarray(points), path, shift, nearness, looks, of_clips))
    return seen[0] if len(seen) == 1 else Places.side_by_side(seen)


def draw(places: Places, rendering: Rendering) -> NDArray[np.uint8]:
    """Draws n clips -> uint8 video [b t h w c], b = n."""
    count, times = places.points.shape[:2]
    scene, resolution = rendering.scene, rendering.form.resolution
    frames = np.empty((count * times, resolution, 3 * resolution), np.uint8)
    if scene.is_plain:
        patches = marker.patches(scene.marker, rendering.radius, scene.background.colour)
        corners, entries = canvas.corners_and_entries(places.points.reshape(-1, 2), resolution, rendering.reach)
        canvas.copy(frames, patches, entries, corners, scene.background.colour)
    else:
        size = max(1, min(CLIPS, CHUNK // (times * resolution**2 * 3)))
        for start in range(0, count, size):
            _draw(frames[start * times : (start + size) * times], places[start : start + size], rendering)
    return frames.reshape(count, times, resolution, resolution, 3)


def _draw(frames: canvas.Bytes, places: Places, rendering: Rendering) -> None:
    """Draws some clips onto their frames (n*t h w): from what is behind to what is before, then the sensor's part."""
    scene, radius = rendering.scene, rendering.radius
    count, times = places.points.shape[:2]
    ground = _draw_world(frames, places, rendering)
    if scene.clutter.level:
        clutter.moving(frames, scene.clutter, places.numbers, rendering.thing, places.shift)
    if scene.trail.width:
        trail.draw(frames, scene.trail, places.path, places.shift, None if scene.clutter.level else ground)
    moment = np.tile(np.arange(times) / max(times - 1, 1), count)
    points, numbers = places.points.reshape(-1, 2), np.arange(count * times)
    radii = marker.radii(scene.marker, radius, places.looks.reshape(-1))
    marker.draw(frames, scene.marker, points, numbers, radii, places.nearness.reshape(-1), moment)
    if scene.clutter.level:
        clutter.occluders(frames, scene.clutter, places.numbers, rendering.thing, places.shift)
        sensor.degrade(frames, scene.clutter, places.numbers)


def _draw_world(frames: canvas.Bytes, places: Places, rendering: Rendering) -> Colour | None:
    """Draws what stands still, background and objects, onto frames (n*t h w): that part which the camera shows.

    Returns:
        The colour of all frames, if they have one alone.
    """
    scene, resolution = rendering.scene, rendering.form.resolution
    count, times = places.points.shape[:2]
    reaches = [camera.pan / 2 + camera.shake for camera in scene.cameras]
    beyond = math.ceil(max(reaches) * resolution) + 1 if any(reaches) else 0
    empty = not scene.clutter.level * scene.clutter.objects
    if empty and scene.background.kind == "flat" and len(set(scene.background.colour)) == 1:
        frames.fill(scene.background.colour[0])
        return scene.background.colour
    behind = background.picture(scene.background, resolution + 2 * beyond, resolution)
    if empty:
        worlds = np.broadcast_to(behind, (count, *behind.shape))
    else:
        worlds = np.repeat(behind[None], count, axis=0)
        clutter.objects(worlds, scene.clutter, places.numbers, rendering.thing, beyond, resolution)
    if not beyond:
        frames.reshape(count, times, resolution, -1)[:] = worlds[:, None]
        return None
    corners = (beyond - places.shift).reshape(-1, 2).tolist()
    for frame, (left, top) in enumerate(corners):
        part = worlds[frame // times, top : top + resolution, 3 * left : 3 * (left + resolution)]
        frames[frame] = part
    return None
