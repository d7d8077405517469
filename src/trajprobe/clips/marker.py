"""The marker that stands where the track is: its shape, its colour, its radius."""

from functools import cache
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.clips import images, shapes
from trajprobe.clips.canvas import Array, Bytes, Integers, coloured, corners_and_entries, fixed, paint, shares
from trajprobe.clips.colours import WHITE, Colour
from trajprobe.errors import UserError
from trajprobe.params import Parameters

#: Radii by depth are multiples of a quarter of an octave, so that a clip needs few tables.
STEPS = 4


class Marker(Parameters, frozen=True):
    """What stands where the track is."""

    shape: Literal["gaussian", "disc", "square", "ring", "sprite"] = "gaussian"
    # A blob of less than 0.0001 of a frame is none, and its square underflows.
    #: As a share of the frame's side; of a Gaussian its standard deviation, of a square or a sprite half its side.
    radius: Annotated[float, Meta(ge=0.0001, lt=0.5)] = 0.05
    radius_by: Literal["none", "depth"] = "none"  #: of 3-D tracks: what is near is larger
    colour: Colour = WHITE
    colour_by: Literal["none", "depth", "time"] = "none"  #: from `colour`, near or first, to `colour_to`
    colour_to: Colour = (40, 80, 255)
    image: str = ""  #: of a sprite: a PNG file of data/scenes

    def check(self, where: str) -> None:
        """Raises UserError where keys contradict, or the image will not do."""
        if bool(self.image) != (self.shape == "sprite"):
            raise UserError(
                f"{where}: got shape {self.shape} and image {self.image!r}, expected a sprite with an image"
            )
        if self.image:
            images.check(self.image, where)
        if self.image and (self.colour != WHITE or self.colour_by != "none"):
            raise UserError(f"{where}: got a colour for a sprite, which has its own; take `colour` and `colour_by` out")

    @property
    def by_depth(self) -> bool:
        return "depth" in (self.radius_by, self.colour_by)


def reach(marker: Marker, radius: float) -> int:
    """Pixels from the middle of a marker's patch to its edge."""
    return shapes.reach(marker.shape, radius)


def table(marker: Marker, radius: float) -> Array:
    """Shares that a marker of `radius` pixels covers, by its 64 sub-pixel places: (m h w)."""
    if marker.shape == "sprite":
        return _sprite(marker.image, radius, images.digest(marker.image))[..., 3] / 255
    side = 2 * reach(marker, radius) + 1
    return shapes.coverage(marker.shape, radius).reshape(64, side, side)


@cache
def patches(marker: Marker, radius: float, background: Colour) -> Bytes:
    """A marker of one colour on another, ready to be copied: uint8 (m h 3w)."""
    return coloured(table(marker, radius), marker.colour, background)


def draw(
    frames: Bytes, marker: Marker, points: Array, numbers: Integers, radius: Array, nearness: Array, moment: Array
) -> None:
    """Draws the marker onto frames (f h w).

    Args:
        frames: what is drawn on.
        marker: how it looks.
        points: where it stands in some of the frames (k 2), pixels.
        numbers: of these frames (k).
        radius: in each, pixels (k).
        nearness: from 0, far, to 1 (k).
        moment: of the clip, from 0 to 1 (k).
    """
    share = {"none": np.zeros(len(points)), "depth": 1 - nearness, "time": moment}[marker.colour_by]
    ends = np.array([marker.colour, marker.colour_to], np.float64)
    colours = np.floor(ends[0] + (ends[1] - ends[0]) * share[:, None] + 0.5).astype(np.uint8)
    for own in np.unique(radius).tolist():
        of = radius == own
        corners, entries = corners_and_entries(points[of], frames.shape[1], reach(marker, own))
        if marker.shape == "sprite":
            sprite = _sprite(marker.image, own, images.digest(marker.image))
            ink = np.ascontiguousarray(sprite[..., :3]).reshape(*sprite.shape[:2], -1)
        else:
            ink = colours[of]
        paint(frames, _shares(marker, own), entries, corners, numbers[of], ink)


def radii(marker: Marker, radius: float, looks: Array) -> Array:
    """The marker's radius in pixels where it looks `looks` (...) times as large as usual: (...)."""
    if marker.radius_by == "none":
        return np.full(looks.shape, radius)
    # The last bits of a power are the C library's own.
    factors = np.array([round(2 ** (step / STEPS), 12) for step in range(-2 * STEPS, 2 * STEPS + 1)])
    return radius * factors[np.abs(looks[..., None] / factors - 1).argmin(axis=-1)]


def _shares(marker: Marker, radius: float) -> NDArray[np.uint16]:
    return _cached_shares(marker, radius, images.digest(marker.image) if marker.image else "")


@cache
def _cached_shares(marker: Marker, radius: float, _digest: str) -> NDArray[np.uint16]:
    return shares(table(marker, radius))


@cache
def _sprite(image: str, radius: float, _digest: str) -> Bytes:
    """An image at its 64 sub-pixel places: red, green, blue, share: (m h w 4)."""
    reach = shapes.reach("sprite", radius)
    shifts = [(column / shapes.SUBPIXELS, row / shapes.SUBPIXELS) for row in range(8) for column in range(8)]
    return fixed(np.stack([images.sprite(image, radius, shift, reach) for shift in shifts]))
