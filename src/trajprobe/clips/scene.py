"""From tracks to video: which view, how scaled, what is drawn. A clip format is frames and resolution."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips import camera, canvas
from trajprobe.files import memory
from trajprobe.files.tracks import Tracks, bounds
from trajprobe.params import Parameters

Array = NDArray[np.float64]
#: The share of tracks that a robust box holds on each side, and that a clip of fixed duration shows to their end.
SHOWN = 0.95
#: Sides of the frame beyond which no blob is seen (it reaches 3.6 of its standard deviations, and has less than half a
#: side of them). Places stop there: what stands further off, cut by a robust box, could be any number.
OUT_OF_SIGHT = 2.0


class Scene(Parameters, frozen=True):
    """What all clip formats share (`render` in params.yaml)."""

    view: camera.View  #: of 3-D tracks; 2-D ones are drawn as they are
    #: `track`: each fills the frame. Else all have one scale, so that size and speed remain: the frame shows all tracks
    #: (`dataset`), all but what reaches furthest (`robust`), or the unit square (`none`).
    scaling: camera.Scaling
    #: `normalised`: each track fills the clip. `duration`: frames at fixed times. `arc_length`: equal steps of a path.
    time: camera.Time
    # A blob of less than 0.0001 of a frame is none, and its square underflows.
    blob: Annotated[float, Meta(ge=0.0001, lt=0.5)]  #: standard deviation of the blob, as a share of the frame's side
    margin: camera.Fraction  #: left free on each side, as a share of the frame's side

    def recipe(self) -> dict[str, Any]:
        """What clips record of it. `time` came later: where it changes nothing, they stay what they were."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return {key: value for key, value in values.items() if (key, value) != ("time", "normalised")}


class Format(Parameters, frozen=True):
    """One clip format (a row of `clips` in params.yaml)."""

    # No video network takes more. What fits into memory is less; `check_memory` says how much.
    frames: Annotated[int, Meta(ge=1, le=10_000)]
    resolution: Annotated[int, Meta(ge=8, le=4096)]  #: height and width, pixels


def check_memory(scene: Scene, form: Format, clips: int, where: str) -> None:
    """Refuses a format of which so many clips, drawn at once, do not fit into memory.

    Raises:
        UserError: what they need, and what the machine has; `where` begins the message.
    """
    video = clips * form.frames * form.resolution**2 * 3  # uint8, and once more while it is packed
    size = 2 * video + canvas.patches_size(scene.blob * form.resolution)
    memory.require(size, where, "lower `frames`, `resolution` or `render.blob`", memory.total())


@dataclass(frozen=True)
class Framing:
    """What all clips of a set share: it is measured on all tracks of the set, and each track is placed by it."""

    box: Array  #: (2 d), low and high corner of what a frame shows, but where each track fills the frame
    duration: float | None  #: from a clip's first frame to its last, in the data set's time; None: the track's own


def framing(tracks: Tracks, scene: Scene) -> Framing:
    """The framing of a whole set: not of a part of it, which would be drawn to another scale."""
    box, duration = tracks.box, None
    if scene.scaling == "robust":
        low, high = (corner[:, 0] for corner in bounds(tracks.points, tracks.lengths))
        box = np.stack([-camera.quantile(-low, SHOWN), camera.quantile(high, SHOWN)])
    elif scene.scaling == "none":
        box = np.stack([np.zeros(tracks.points.shape[2]), np.ones(tracks.points.shape[2])])
    if scene.time == "duration":
        duration = float(camera.quantile(durations(tracks), SHOWN))
    return Framing(box, duration)


def durations(tracks: Tracks) -> Array:
    """From the first to the last time of each track (n)."""
    return tracks.times[np.arange(len(tracks)), tracks.lengths - 1] - tracks.times[:, 0]


def place(tracks: Tracks, shared: Framing, scene: Scene, form: Format) -> Array:
    """Where the blob stands in each frame: (n t 2), column and row in pixels, 0 the middle of the first one.

    `shared` is the framing of the set that the tracks are of.
    """
    times = camera.arc_lengths(tracks.points) if scene.time == "arc_length" else tracks.times
    moments = camera.resample(times, tracks.points, tracks.lengths, form.frames, shared.duration)
    image = camera.project(moments, scene.view, shared.box)
    if scene.scaling == "track":
        low, high = bounds(camera.project(tracks.points, scene.view, shared.box), tracks.lengths)
    else:
        low, high = camera.image_box(shared.box, scene.view)
    places = camera.fit(image, low, high, form.resolution, scene.margin)
    return np.clip(places, -OUT_OF_SIGHT * form.resolution, (1 + OUT_OF_SIGHT) * form.resolution)


def draw(points: Array, scene: Scene, form: Format) -> NDArray[np.uint8]:
    """Points as `place` gives them (n t 2) -> uint8 video [b t h w c], b = n."""
    return canvas.draw(points, form.resolution, scene.blob * form.resolution)
