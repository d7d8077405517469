"""Rendering, beside clearing the same memory, OpenCV, PIL, matplotlib and numpy's generator.

Clips of 128 x 128. Two threads draw shards of 31 MB, which are dropped, so that their memory is used again. OpenCV is
no dependency. The others draw the trail and the marker frame by frame, as one would write it, matplotlib with a figure
a frame; numpy's numbers are those that the noise needs. *By two workers* is in two processes, as TRAJPROBE_WORKERS=2
has it: two threads wait for one another, since a call of numpy is short.
"""

import importlib.util
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measure import Row, compared, in_turns, paired
from PIL import Image, ImageDraw

from trajprobe.clips.scene import Places, draw, framing, place
from trajprobe.clips.sections import Format, Placement, Rendering, Scene
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.tracks import Tracks

cv2: Any = importlib.import_module("cv2") if importlib.util.find_spec("cv2") else None

THREADS, SIDE = 2, 128
#: Clips of a shard by their frames; shards; and clips that matplotlib draws.
CLIPS, SHARDS, FEW = {5: 128, 17: 38}, 8, 8
RADIUS, WIDTH = 0.05, 0.024  #: of the marker and of the trail, shares of the frame's side
DISC, TRAIL = {"shape": "disc", "radius": RADIUS}, {"width": WIDTH}
THINGS = {"objects": 6, "distractors": 4, "flashes": 2, "occluders": 2}
FULL = {"level": 1, **THINGS, "blur": 0.008, "drift": 0.3, "drops": 0.1}


def tracks(count: int) -> Tracks:
    params = Synthetic(clips=max(count, 20), pool=1, points=60, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
    points = arrays(count, params, 0)["trajectories"].astype(np.float64)
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    return Tracks(points, np.tile(np.arange(60.0), (count, 1)), np.full(count, 60), box)


def rendering(frames: int, **scene: Any) -> Rendering:
    placement = Placement(scaling="dataset", time="normalised", margin=0.1)
    return Rendering(placement, msgspec.convert(scene, Scene), Format(frames=frames, resolution=SIDE))


def frame_by_frame(places: Places) -> Iterator[tuple[tuple[int, int], Any, Any]]:
    """Clip and frame, the trail so far [p 2] and the marker's place [2], in pixels."""
    count, frames = places.points.shape[:2]
    strokes = (places.path.shape[1] - 1) // (frames - 1)
    for clip, frame in np.ndindex(count, frames):
        yield (clip, frame), places.path[clip, : frame * strokes + 1], places.points[clip, frame]


def empty(places: Places) -> Any:
    return np.zeros((*places.points.shape[:2], SIDE, SIDE, 3), np.uint8)


def clear(places: Places) -> object:
    video = np.empty((*places.points.shape[:2], SIDE, SIDE, 3), np.uint8)
    video.fill(0)
    return video


def opencv(places: Places) -> object:
    """Places in 1/8 pixel."""
    video = empty(places)
    for index, path, point in frame_by_frame(places):
        line = [np.rint(path * 8).astype(np.int32)]
        cv2.polylines(video[index], line, False, (80, 120, 255), math.ceil(WIDTH * SIDE), cv2.LINE_AA, 3)
        middle = np.rint(point * 8).astype(int).tolist()
        cv2.circle(video[index], middle, round(RADIUS * SIDE * 8), (255, 255, 255), -1, cv2.LINE_AA, 3)
    return video


def pil(places: Places) -> object:
    """Not smoothed: PIL's lines and circles have whole pixels."""
    video = empty(places)
    for index, path, point in frame_by_frame(places):
        image = Image.new("RGB", (SIDE, SIDE))
        drawing = ImageDraw.Draw(image)
        drawing.line(list(map(tuple, path.tolist())), fill=(80, 120, 255), width=math.ceil(WIDTH * SIDE))
        drawing.circle(point.tolist(), RADIUS * SIDE, fill=(255, 255, 255))
        video[index] = np.asarray(image)
    return video


def matplotlib(places: Places) -> object:
    video = empty(places)
    for index, path, point in frame_by_frame(places):
        figure = Figure((1, 1), dpi=SIDE, facecolor="black")
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5))
        axes.set_axis_off()
        axes.plot(*path.T, color="#5078ff", linewidth=72 * WIDTH)
        axes.plot(*point, "o", color="white", markersize=2 * 72 * RADIUS, markeredgewidth=0)
        canvas.draw()
        video[index] = np.asarray(canvas.buffer_rgba())[..., :3]
    return video


def gaussians(places: Places) -> object:
    generator, shape = np.random.default_rng(0), (places.points.shape[1], SIDE, SIDE, 3)
    return [generator.standard_normal(shape, dtype=np.float32) for _ in range(len(places))]


def words(places: Places) -> object:
    """Random bits alone, as many as the noise is made from: four bytes a value."""
    return [np.random.SFC64(clip).random_raw(places.points.shape[1] * SIDE**2 * 3 // 2) for clip in range(len(places))]


def make(function: Callable[[Places], object], places: Places) -> None:
    """What is drawn is dropped, so that it is not sent to another process."""
    function(places)


def by_shard(pool: Executor, function: Callable[[Places], object], places: Places, size: int) -> None:
    shards = [places[start : start + size] for start in range(0, len(places), size)]
    list(pool.map(partial(make, function), shards))


def rows(*, quick: bool) -> Iterator[Row]:
    runs, few = (1, 4) if quick else (9, FEW)
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(THREADS) as threads, ProcessPoolExecutor(THREADS, spawn) as workers:
        for frames, clips in CLIPS.items():
            source = tracks(4 if quick else clips * SHARDS)

            def placed(drawn: Rendering, source: Tracks = source) -> Places:
                return place(source, framing(source, drawn.placement), drawn)

            def against(
                what: str,
                drawn: Rendering,
                peers: Mapping[str, Callable[[Places], object] | None],
                frames: int = frames,
                clips: int = clips,
                at_least: float | None = None,
                pool: Executor = threads,
            ) -> list[Row]:
                places = placed(drawn)
                others = {
                    name: partial(by_shard, pool, peer, places, clips) if peer else None for name, peer in peers.items()
                }
                ours = partial(by_shard, pool, partial(draw, rendering=drawn), places, clips)
                title = f"{what}, {frames} frames"
                return compared(title, ours, others, unit="clips/s", items=len(places), runs=runs, at_least=at_least)

            yield from against("marker", rendering(frames), {"clearing the memory": clear}, at_least=0.45)
            trail = rendering(frames, marker=DISC, trail=TRAIL)
            peers = {"OpenCV": opencv if cv2 else None, "PIL": pil}
            yield from against("marker with trail", trail, peers, at_least=1.3)
            places = placed(trail)
            ours, theirs = partial(draw, rendering=trail), places[:few]
            both = {
                "": partial(by_shard, threads, ours, places, clips),
                "matplotlib": partial(by_shard, threads, matplotlib, theirs, few // 2),
            }
            taken = in_turns(both, runs, time.perf_counter, 1)
            yield paired(
                f"marker with trail, {frames} frames",
                [len(places) / seconds for seconds in taken[""]],
                "matplotlib",
                [few / seconds for seconds in taken["matplotlib"]],
                "clips/s",
                at_least=300,
                note=f"matplotlib draws {few} of the {len(places)} clips",
            )
            full = rendering(frames, marker=DISC, clutter=FULL)
            goal = 2000 if frames == 5 else None
            yield from against("full clutter without noise", full, {}, at_least=goal)
            yield from against("full clutter without noise, by two workers", full, {}, at_least=goal, pool=workers)
            noisy = rendering(frames, marker=DISC, clutter=FULL | {"noise": 0.05})
            normal = {"numpy's normal numbers": gaussians, "their bits alone": words}
            yield from against("full clutter", noisy, normal, at_least=0.6)
