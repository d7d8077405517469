"""PNG images of the user's, which scenes name: checked before a pixel of them is decoded."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trajprobe.errors import UserError

FOLDER = Path("data/scenes")
#: Pixels of a side, and bytes of a file, at most: git keeps them.
SIDE, BYTES = 4096, 10_000_000
MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def digest(name: str) -> str:
    """sha256 of an image's file.

    Raises:
        UserError: as `check` does.
    """
    check(name, "a scene")
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


def check(name: str, where: str) -> None:
    """Refuses what is no PNG image of 8 bits a channel in `FOLDER`; `where` it is named begins the message.

    Raises:
        UserError: what is wrong with it.
    """
    path = FOLDER / name
    if "/" in name or "\\" in name or not name.lower().endswith(".png"):
        raise UserError(f"{where}: got image {name!r}, expected the name of a .png file in {FOLDER}, without a folder")
    if not path.is_file():
        have = ", ".join(sorted(file.name for file in FOLDER.glob("*.png"))) or "none"
        raise UserError(f"{where}: {path} is missing; put it there (images that are there: {have})")
    if path.stat().st_size > BYTES:
        raise UserError(
            f"{where}: {path} has {path.stat().st_size:,} bytes, expected {BYTES:,} at most; save it smaller"
        )
    try:
        with Image.open(path, formats=["PNG"]) as image:
            mode, sides = image.mode, image.size
            if mode in MODES and max(sides) <= SIDE:
                image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{where}: {path} is no PNG image, or a damaged one ({reason}); save it as PNG again") from None
    if max(sides) > SIDE:
        raise UserError(
            f"{where}: {path} has {sides[0]} x {sides[1]} pixels, expected {SIDE} a side at most; shrink it"
        )
    if mode not in MODES:
        raise UserError(f"{where}: {path} has pixels of mode {mode}, expected 8 bits a channel; save it as RGB or RGBA")


@cache
def _pixels(name: str, _digest: str) -> Image.Image:
    with Image.open(FOLDER / name, formats=["PNG"]) as image:
        return image.convert("RGBA")


def covering(name: str, side: int) -> NDArray[np.uint8]:
    """The middle of an image, scaled so that it covers a square, on black: uint8 (h w 3), h = w = `side`."""
    image = ImageOps.fit(_pixels(name, digest(name)), (side, side), Image.Resampling.LANCZOS)
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return np.array(Image.alpha_composite(black, image).convert("RGB"))


def sprite(name: str, radius: float, shift: tuple[float, float], reach: int) -> NDArray[np.uint8]:
    """An image whose longer side is 2 * `radius` pixels, moved by `shift` (x, y): uint8 (h w 4), h = w = 2*reach + 1.

    Its middle is that of the middle pixel, before it is moved. A pixel has the mean of what falls into it.
    """
    pixels = np.array(_pixels(name, digest(name)), np.float64)
    side, scale = 2 * reach + 1, max(pixels.shape) / (2 * radius)  # pixels of the image for one of the frame
    pixels[..., :3] *= pixels[..., 3:] / 255  # what can't be seen has no colour
    for axis, own in enumerate((shift[1], shift[0])):
        start = pixels.shape[axis] / 2 - (side / 2 + own) * scale
        pixels = np.moveaxis(_means(np.moveaxis(pixels, axis, 0), start + scale * np.arange(side + 1)), 0, axis)
    pixels[..., :3] /= np.maximum(pixels[..., 3:] / 255, 1e-9)
    return np.floor(pixels + 0.5).clip(0, 255).astype(np.uint8)


def _means(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of `values` (n ...) between edges (m + 1), 0 to n, beyond which they are 0: (m ...)."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    inside = np.clip(edges, 0, len(values))
    whole = np.minimum(np.floor(inside).astype(np.int64), len(values) - 1)
    share = (inside - whole).reshape(-1, *[1] * (values.ndim - 1))
    sums = total[whole] + share * values[whole]
    return np.diff(sums, axis=0) / (edges[1] - edges[0])
