"""python docs/scenes.py: draws the pictures of docs/scenes.md anew; with --images, two images to try it with.

A block of YAML that is followed by a picture is a row of `scenes`; the clips are of the synthetic data set.
"""

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from trajprobe.clips.scene import draw, framing, place
from trajprobe.clips.sections import Format, Placement, Rendering, Scene
from trajprobe.data import raw, synthetic
from trajprobe.data.canonical import canonical
from trajprobe.files.atomic import write_bytes

FOLDER = Path(__file__).parent
CLASSES, MOMENTS = ("helical", "spiral_in", "zigzag"), (0, 4, 8, 12, 16)
GAP = 4
#: Bytes of a picture that is kept without loss, at most.
EXACT = 20_000


def scenes_by_picture(text: str) -> dict[str, dict[str, Any]]:
    """The row of `scenes` that stands before each picture of the document, by the picture's name."""
    found = re.findall(r"```yaml\n(scenes:(?:(?!```).)*)```\s+!\[[^\]]*\]\(pictures/([\w-]+\.webp)\)", text, re.DOTALL)
    return {name: next(iter(YAML(typ="safe").load(block)["scenes"].values())) for block, name in found}


def picture(scene: dict[str, Any]) -> NDArray[np.uint8]:
    """Frames of three clips, a row each: uint8 (h w c)."""
    params = synthetic.Synthetic(clips=40, pool=1, points=100, tilt=0.5, noise=0.0, seed=0, pool_seed=1)
    data = raw.check(synthetic.arrays(params.clips, params, params.seed), Path("synthetic"))
    tracks, names = canonical(data), np.array(data.label_names)[data.labels]
    placement = Placement(scaling="track", time="normalised", margin=0.15)
    form = Format(frames=MOMENTS[-1] + 1, resolution=128)
    of = msgspec.convert(scene, Scene)
    if any(camera.field_of_view for camera in of.cameras):
        placement = Placement(scaling="dataset", time="normalised", margin=0.15)
    drawn = Rendering(placement, of, form)
    shown = CLASSES[: len(CLASSES) // len(of.cameras)]  # a track has a row for each camera
    rows = np.array([np.flatnonzero(names == name)[0] for name in shown])
    video = draw(place(tracks[rows], framing(tracks, placement), drawn, rows), drawn)[:, list(MOMENTS)]
    padded = np.pad(video, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    return np.concatenate([np.concatenate(list(clip), axis=1) for clip in padded])[:-GAP, :-GAP]


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as WebP: without loss where that is small."""
    exact, close = io.BytesIO(), io.BytesIO()
    Image.fromarray(pixels).save(exact, "webp", lossless=True, quality=100, method=6)
    Image.fromarray(pixels).save(close, "webp", quality=75, method=6)
    return exact.getvalue() if len(exact.getvalue()) <= EXACT else close.getvalue()


def images() -> dict[str, Image.Image]:
    """The user's own images of the document: a sky with hills, and a fish."""
    side = 256
    height = np.linspace(0, 1, side)[:, None, None]
    sky = (np.array([70, 120, 200]) * (1 - height) + np.array([225, 205, 170]) * height) * np.ones((1, side, 1))
    hills = Image.fromarray(sky.astype(np.uint8))
    pen = ImageDraw.Draw(hills)
    for depth, colour in enumerate([(110, 140, 120), (70, 105, 75), (35, 65, 40)]):
        x = np.arange(-8, side + 9, 4)
        line = side * (0.62 + 0.13 * depth) + 16 * np.sin(x / (36 + 9 * depth) + 2 * depth) + 5 * np.sin(x / 9 + depth)
        pen.polygon([(-8, side), *zip(x.tolist(), line.tolist(), strict=True), (side + 8, side)], fill=colour)
    fish = Image.new("RGBA", (240, 160), (0, 0, 0, 0))
    pen = ImageDraw.Draw(fish)
    pen.polygon([(160, 80), (236, 24), (236, 136)], fill=(240, 120, 20, 255))
    pen.ellipse((4, 20, 184, 140), fill=(255, 150, 40, 255))
    pen.ellipse((36, 52, 68, 84), fill=(255, 255, 255, 255))
    pen.ellipse((44, 60, 60, 76), fill=(20, 20, 20, 255))
    pen.arc((70, 44, 120, 116), -70, 70, fill=(255, 240, 220, 255), width=10)
    return {"hills.png": hills, "fish.png": fish}


def save_images(folder: Path) -> None:
    for name, image in images().items():
        image.save(folder / name)


def main() -> None:
    """Draws all pictures, in a folder that has the images; or the images alone, into data/scenes."""
    if "--images" in sys.argv:
        save_images(Path("data/scenes"))
        return
    with tempfile.TemporaryDirectory() as top, contextlib.chdir(top):
        Path("data/scenes").mkdir(parents=True)
        save_images(Path("data/scenes"))
        for name, scene in scenes_by_picture((FOLDER / "scenes.md").read_text()).items():
            data = encoded(picture(scene))
            write_bytes(FOLDER / "pictures" / name, data)
            sys.stdout.write(f"{FOLDER / 'pictures' / name}: {len(data):,} bytes\n")


if __name__ == "__main__":
    main()
