"""Clips to be looked at: a contact sheet of their frames, or an animation, each clip with the name of its class.

The tracks are made from the data set as `prepare` makes them, so that a clip is the one that a run sees.
"""

import io
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trajprobe.clips.scene import check_memory, draw, framing, place
from trajprobe.clips.sections import rendering_in, rendering_of, scenes
from trajprobe.data import folds
from trajprobe.errors import UserError
from trajprobe.figures import style
from trajprobe.files.atomic import write_bytes
from trajprobe.files.labelling import Labelling
from trajprobe.inspection.measures import open_dataset
from trajprobe.inspection.refusals import check_ending, check_one_of
from trajprobe.params import section

Video = NDArray[np.uint8]
#: Clips and frames of a sheet at most.
CLIPS, FRAMES = 20, 12
#: Pixels: a frame of a sheet, and of an animation, is enlarged to at least this; between frames; letters, and small
#: ones; the room for names beside frames at most.
TILE, MOVING_TILE, GAP, LETTERS, LEAST, NAMES = 96, 128, 4, 14, 9, 240
#: Seconds of an animation, and of a frame at least.
SECONDS, SHORTEST = 2.0, 0.04
INK, PAPER = (26, 26, 26), (255, 255, 255)


@dataclass(frozen=True)
class ClipChoice:
    """Which clips, and how they differ from those of a run."""

    label: str | None = None  #: those of one class
    track: int | None = None  #: that of the track of this number
    scene: str | None = None  #: drawn in another scene
    level: float | None = None  #: with clutter at another level


def save_clips(
    values: dict[str, Any], name: str, path: Path, choice: ClipChoice, perturb: Callable[[Video], Video] | None = None
) -> str:
    """Draws clips of format `name` to `path`, a .png, .gif, .webp or .mp4 file.

    Args:
        values: all of params.yaml.
        name: the format.
        path: the picture.
        choice: which clips.
        perturb: what is done to the video [b t h w c] before it is shown.

    Returns:
        What was drawn, a line.

    Raises:
        UserError: there is no such format, scene, class or track; a class stands beside a track, or a level beside a
            scene without clutter; the file's name ends otherwise; or it is to be an .mp4 and there is no ffmpeg.
    """
    ending = check_ending(path, (".png", ".gif", ".webp", ".mp4")).removeprefix(".")
    program = _ffmpeg(path) if ending == "mp4" else ""
    check_one_of("NAME", name, section(values, dict[str, Any], "clips"), "these are the formats of params.yaml")
    rendering = rendering_of(values, name)
    if choice.scene:
        check_one_of("--scene", choice.scene, scenes(values))
        rendering = rendering_in(
            values, msgspec.structs.replace(rendering.form, scene=choice.scene), choice.scene, "--scene"
        )
    if choice.level is not None:
        if not rendering.scene.clutter.has_any:
            scene = choice.scene or rendering.form.scene
            raise UserError(f"--level: got '{choice.level:g}', but scene {scene} has no clutter; name another --scene")
        rendering = rendering.at_level(choice.level)
    dataset = open_dataset(section(values, str, "dataset"), values)
    params = section(values, folds.Prepare, "prepare")
    tracks, labelling = folds.prepare(folds.used(dataset.raw, params, dataset.path), params, dataset.name)
    cameras = len(rendering.scene.cameras)
    rows = _rows(labelling, choice, CLIPS // cameras)
    check_memory(rendering, len(rows) * cameras, f"params.yaml: `clips.{name}`")
    video = draw(place(tracks[rows], framing(tracks, rendering.placement), rendering, rows), rendering)
    video = video if perturb is None else perturb(video)
    names = [
        name + (f", {number + 1}" if cameras > 1 else "")
        for name in _names(labelling, choice, rows)
        for number in range(cameras)
    ]
    if ending == "png":
        buffer = io.BytesIO()
        Image.fromarray(sheet(video, names)).save(buffer, "png", optimize=True)
        write_bytes(path, buffer.getvalue())
    else:
        write_bytes(path, animated(grid(video, names), ending, program))
    by = f" by {cameras} cameras, numbered in their order" if cameras > 1 else ""
    return f"{path}: {len(video)} clip{'s' * (len(video) > 1)} {name} of {dataset.name}{by}"


def _rows(labelling: Labelling, choice: ClipChoice, most: int) -> NDArray[np.int64]:
    """The tracks to be shown: one, some of a class, or the first of each class; `most` of them."""
    if choice.track is not None:
        if choice.label is not None:
            raise UserError(f"--class: got '{choice.label}' with --track, which names one track; leave one of them out")
        if choice.track >= len(labelling.labels):
            raise UserError(
                f"--track: got '{choice.track}', expected a whole number from 0 to {len(labelling.labels) - 1}"
            )
        return np.array([choice.track])
    if choice.label is not None:
        check_one_of("--class", choice.label, labelling.names.tolist())
        return np.flatnonzero(labelling.names[labelling.labels] == choice.label)[:most]
    return np.unique(labelling.labels, return_index=True)[1][:most]


def _names(labelling: Labelling, choice: ClipChoice, rows: NDArray[np.int64]) -> list[str]:
    """Of the tracks that are shown: their classes, or of one class the numbers that `--track` takes."""
    if choice.label is not None:
        return [f"track {row}" for row in rows]
    return [style.drawable(labelling.names[labelling.labels[row]]) for row in rows]


def sheet(video: Video, names: list[str]) -> Video:
    """Frames of clips [b t h w c] side by side, a row a clip, with names before and numbers below: uint8 (h w c)."""
    times = np.linspace(0, video.shape[1] - 1, min(video.shape[1], FRAMES)).round().astype(np.int64)
    tiles = _enlarged(video[:, times], TILE)
    side, before = tiles.shape[2] + GAP, min(math.ceil(max(_width(name, LETTERS) for name in names)), NAMES) + 12
    out = np.full((len(tiles) * side + GAP + LETTERS + 6, before + len(times) * side, 3), PAPER, np.uint8)
    for row, column in np.ndindex(tiles.shape[:2]):
        top, left = GAP + row * side, before + column * side
        out[top : top + side - GAP, left : left + side - GAP] = tiles[row, column]
    places = [(before - 6, GAP + row * side + (side - GAP) // 2) for row in range(len(tiles))]
    below = [(before + column * side + (side - GAP) // 2, len(out) - LETTERS // 2 - 3) for column in range(len(times))]
    out = _named(out, [str(time + 1) for time in times], below, "mm", side)
    return _named(out, names, places, "rm", before - 12)


def grid(video: Video, names: list[str]) -> Video:
    """Clips [b t h w c] beside one another, with the name of each below: uint8 (t h w c)."""
    tiles = _enlarged(video, MOVING_TILE)
    columns = math.ceil(math.sqrt(len(tiles)))
    side, below = tiles.shape[2] + GAP, LETTERS + 8
    height = GAP + math.ceil(len(tiles) / columns) * (side + below)
    width = GAP + columns * side
    # Videos are coded in blocks: with an even number of pixels.
    out = np.full((tiles.shape[1], height + height % 2, width + width % 2, 3), PAPER, np.uint8)
    corners = [(GAP + i // columns * (side + below), GAP + i % columns * side) for i in range(len(tiles))]
    places = [(left + (side - GAP) // 2, top + side + below // 2 - GAP) for top, left in corners]
    out[:] = _named(out[0], names, places, "mm", side - GAP)
    for tile, (top, left) in zip(tiles, corners, strict=True):
        out[:, top : top + side - GAP, left : left + side - GAP] = tile
    return out


def _enlarged(video: Video, least: int) -> Video:
    """Frames with each pixel several times, so that they are at least so large and stay sharp."""
    factor = max(1, math.ceil(least / video.shape[2]))
    return video.repeat(factor, axis=2).repeat(factor, axis=3)


def _named(picture: Video, names: list[str], places: list[tuple[int, int]], anchor: str, room: int) -> Video:
    """With names at `places` (x, y): in smaller letters where one is too long, and without the ends of longer ones."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    size = float(LETTERS)
    while size > LEAST and any(_width(name, size) > room for name in names):
        size -= 0.5
    for name, at in zip(names, places, strict=True):
        shown = name
        while _width(shown, size) > room:
            shown = shown.removesuffix("...")[:-1] + "..."
        pen.text(at, shown, INK, _font(size), anchor)
    return np.array(image)


def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(style.font_file(), size, layout_engine=ImageFont.Layout.BASIC)


def _width(text: str, size: float) -> float:
    return _font(size).getlength(text)


def animated(frames: Video, ending: str, program: str = "") -> bytes:
    """Frames (t h w c) as a .gif or .webp that starts over, or, by ffmpeg (`program`), as an .mp4."""
    seconds = max(SECONDS / len(frames), SHORTEST)
    if ending == "mp4":
        return _mp4(frames, seconds, program)
    images = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    settings = {"lossless": True} if ending == "webp" else {"optimize": True}
    images[0].save(
        buffer, ending, save_all=True, append_images=images[1:], duration=round(1000 * seconds), loop=0, **settings
    )
    return buffer.getvalue()


def _ffmpeg(path: Path) -> str:
    """The program ffmpeg: the system's, or that of the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise UserError(
            f"{path}: an .mp4 needs ffmpeg, which is not here; write a .webp, or `pip install imageio-ffmpeg`"
        ) from None
    return str(get_ffmpeg_exe())


def _mp4(frames: Video, seconds: float, program: str) -> bytes:
    _, height, width, _ = frames.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.mp4"
        command = [program, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
                   "-r", f"{1 / seconds:.3f}", "-i", "-", "-pix_fmt", "yuv420p", str(path)]  # fmt: skip
        done = subprocess.run(command, input=frames.tobytes(), capture_output=True, check=False)  # noqa: S603
        if done.returncode or not path.is_file():
            reason = " ".join(done.stderr.decode(errors="replace").split()) or "it gave no reason"
            raise UserError(f"{program}: could not write the .mp4 ({reason}); write a .webp")
        return path.read_bytes()
