"""What is behind everything: one colour, a gradient, noise, a texture, or an image of the user's."""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips import images
from trajprobe.clips.colours import BLACK, Colour
from trajprobe.clips.streams import uniform
from trajprobe.errors import UserError
from trajprobe.params import Parameters, Seed

Array = NDArray[np.float64]
#: Cells of a texture's coarsest layer along the frame; each next one has twice as many, at half the contrast.
CELLS, LAYERS = 4, 4


class Background(Parameters, frozen=True):
    """What is behind everything: the same in all clips."""

    kind: Literal["flat", "gradient", "noise", "texture", "image"] = "flat"
    colour: Colour = BLACK  #: of a flat one; the top of a gradient; the dark end of noise and texture
    colour_to: Colour = (128, 128, 128)  #: the bottom of a gradient; the bright end of noise and texture
    image: str = ""  #: a PNG file of data/scenes, which covers the frame
    seed: Seed = 0  #: of noise and texture

    def check(self, where: str) -> None:
        """Raises UserError where keys contradict, or the image will not do."""
        if bool(self.image) != (self.kind == "image"):
            raise UserError(
                f"{where}: got kind {self.kind} and image {self.image!r}, expected kind image with an image"
            )
        if self.image:
            images.check(self.image, where)


def picture(background: Background, side: int, resolution: int) -> NDArray[np.uint8]:
    """A background (h 3w), h = w = `side`: more than the frame, of `resolution`, where the camera moves."""
    key = images.digest(background.image) if background.image else ""
    return _picture(background, side, resolution, key)


@cache
def _picture(background: Background, side: int, resolution: int, _digest: str) -> NDArray[np.uint8]:
    if background.kind == "image":
        return images.covering(background.image, side).reshape(side, -1)
    if background.kind == "flat":
        shade = np.zeros((side, side))
    elif background.kind == "gradient":
        shade = np.broadcast_to(np.linspace(0, 1, side)[:, None], (side, side))
    elif background.kind == "noise":
        shade = uniform(background.seed, np.arange(side), "background", side)
    else:
        shade = _texture(background.seed, side, resolution)
    ends = np.array([background.colour, background.colour_to], np.float64)
    colours = ends[0] + (ends[1] - ends[0]) * shade[..., None]
    return np.floor(colours + 0.5).astype(np.uint8).reshape(side, -1)


def _texture(seed: int, side: int, resolution: int) -> Array:
    """Layers of value noise (h w) from 0 to 1: random values at lattice points, joined smoothly."""
    total, weight, shade = 0.0, 1.0, np.zeros((side, side))
    for layer in range(LAYERS):
        at = np.arange(side) * (CELLS * 2**layer / resolution)
        cell = np.floor(at).astype(np.int64)
        share = at - cell
        share = share * share * (3 - 2 * share)
        lattice = uniform(seed, np.arange(cell[-1] + 2), f"texture {layer}", int(cell[-1]) + 2)
        rows = lattice[cell] * (1 - share[:, None]) + lattice[cell + 1] * share[:, None]
        shade += weight * (rows[:, cell] * (1 - share) + rows[:, cell + 1] * share)
        total, weight = total + weight, weight / 2
    return np.clip((shade / total - 0.5) * 2 + 0.5, 0, 1)  # the sum of layers keeps to the middle: spread it
