"""From tracks to video: which view, how scaled, what is drawn. A clip format is frames and resolution."""

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips import camera, canvas
from trajprobe.files import memory
from trajprobe.files.tracks import Tracks, bounds
from trajprobe.params import Parameters


class Scene(Parameters, frozen=True):
    """What all clip formats share (`render` in params.yaml)."""

    view: camera.View  #: of 3-D tracks; 2-D ones are drawn as they are
    scaling: camera.Scaling  #: `track`: each fills the frame; `dataset`: all alike, so that size and speed remain
    # A blob of less than 0.0001 of a frame is none, and its square underflows.
    blob: Annotated[float, Meta(ge=0.0001, lt=0.5)]  #: standard deviation of the blob, as a share of the frame's side
    margin: camera.Fraction  #: left free on each side, as a share of the frame's side


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


def place(tracks: Tracks, scene: Scene, form: Format) -> NDArray[np.float64]:
    """Where the blob stands in each frame: (n t 2), column and row in pixels, 0 the middle of the first one."""
    moments = camera.resample(tracks.times, tracks.points, tracks.lengths, form.frames)
    image = camera.project(moments, scene.view, tracks.box)
    if scene.scaling == "dataset":
        low, high = camera.image_box(tracks.box, scene.view)
    else:
        low, high = bounds(camera.project(tracks.points, scene.view, tracks.box), tracks.lengths)
    return camera.fit(image, low, high, form.resolution, scene.margin)


def draw(points: NDArray[np.float64], scene: Scene, form: Format) -> NDArray[np.uint8]:
    """Points as `place` gives them (n t 2) -> uint8 video [b t h w c], b = n."""
    return canvas.draw(points, form.resolution, scene.blob * form.resolution)
