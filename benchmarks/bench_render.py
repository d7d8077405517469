"""python benchmarks/bench_render.py: the renderer beside clearing the same memory, OpenCV, matplotlib and numpy's
generator, in clips a second on two threads; and its memory with 1,000 and with 20,000 clips.

OpenCV is no dependency: where it can't be imported, its lines are left out.
"""

import importlib.util
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measure import machine, ratio

from trajprobe.clips.render import CLIPS_PER_SHARD, render
from trajprobe.clips.scene import Places, draw, framing, place
from trajprobe.clips.sections import Format, Placement, Rendering, Scene
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.tracks import Tracks

cv2: Any = importlib.import_module("cv2") if importlib.util.find_spec("cv2") else None

THREADS, SIDE = 2, 128
RADIUS, WIDTH = 0.05, 0.024  #: of the marker and of the trail, shares of the frame's side
DISC, TRAIL = {"shape": "disc", "radius": RADIUS}, {"width": WIDTH}
THINGS = {"objects": 6, "distractors": 4, "flashes": 2, "occluders": 2}
FULL = {"level": 1, **THINGS, "blur": 0.008, "drift": 0.3, "drops": 0.1}


def tracks(count: int) -> Tracks:
    params = Synthetic(clips=count, pool=1, points=60, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
    points = arrays(count, params, 0)["trajectories"].astype(np.float64)
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    return Tracks(points, np.tile(np.arange(60.0), (count, 1)), np.full(count, 60), box)


def rendering(frames: int, **scene: Any) -> Rendering:
    placement = Placement(scaling="dataset", time="normalised", margin=0.1)
    return Rendering(placement, msgspec.convert(scene, Scene), Format(frames=frames, resolution=SIDE))


def shared(pool: ThreadPoolExecutor, function: Callable[[Any], object], parts: list[Any]) -> Callable[[], object]:
    """What calls `function` with each part, in threads."""
    return lambda: list(pool.map(function, parts))


def opencv(places: Places) -> object:
    """The same trails and markers, drawn frame by frame; places in 1/8 pixel."""
    count, frames = places.points.shape[:2]
    video = np.zeros((count, frames, SIDE, SIDE, 3), np.uint8)
    path, points = np.rint(places.path * 8).astype(np.int32), np.rint(places.points * 8).astype(np.int32).tolist()
    strokes = (path.shape[1] - 1) // (frames - 1)
    for clip, time in np.ndindex(count, frames):
        frame = video[clip, time]
        line = [path[clip, : time * strokes + 1]]
        cv2.polylines(frame, line, False, (80, 120, 255), math.ceil(WIDTH * SIDE), cv2.LINE_AA, 3)
        cv2.circle(frame, points[clip][time], round(RADIUS * SIDE * 8), (255, 255, 255), -1, cv2.LINE_AA, 3)
    return video


def matplotlib(places: Places) -> object:
    """The same by matplotlib, a figure a frame, as one would write it."""
    count, frames = places.points.shape[:2]
    video = np.zeros((count, frames, SIDE, SIDE, 3), np.uint8)
    strokes = (places.path.shape[1] - 1) // (frames - 1)
    for clip, time in np.ndindex(count, frames):
        figure = Figure((1, 1), dpi=SIDE, facecolor="black")
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5))
        axes.set_axis_off()
        axes.plot(*places.path[clip, : time * strokes + 1].T, color="#5078ff", linewidth=72 * WIDTH)
        axes.plot(*places.points[clip, time], "o", color="white", markersize=2 * 72 * RADIUS, markeredgewidth=0)
        canvas.draw()
        video[clip, time] = np.asarray(canvas.buffer_rgba())[..., :3]
    return video


def speeds(frames: int) -> None:
    count = CLIPS_PER_SHARD if frames < 10 else CLIPS_PER_SHARD // 4
    source = tracks(count)

    def halves(drawn: Rendering) -> list[Places]:
        places = place(source, framing(source, drawn.placement), drawn)
        return [places[: count // 2], places[count // 2 :]]

    def clear(places: Places) -> object:
        video = np.empty((len(places), frames, SIDE, SIDE, 3), np.uint8)
        video.fill(0)
        return video

    def gaussians(places: Places) -> object:
        generator = np.random.default_rng(0)
        return [generator.standard_normal((frames, SIDE, SIDE, 3), dtype=np.float32) for _ in range(len(places))]

    def words(places: Places) -> object:
        """Random bits alone, as many as the noise is made from: four bytes a value."""
        return [np.random.SFC64(clip).random_raw(frames * SIDE**2 * 3 // 2) for clip in range(len(places))]

    print(f"\n{frames} frames of {SIDE} x {SIDE}, in clips, {THREADS} threads")
    with ThreadPoolExecutor(THREADS) as pool:

        def run(name: str, drawn: Rendering, peers: dict[str, Callable[[Places], object]]) -> float:
            parts = halves(drawn)
            named = {label: shared(pool, peer, parts) for label, peer in peers.items()}
            return ratio(name, shared(pool, lambda places: draw(places, drawn), parts), named, count)[name]

        run("default marker", rendering(frames), {"clearing the same memory": clear})
        trail = rendering(frames, marker=DISC, trail=TRAIL)
        rate = run("marker with trail", trail, {"OpenCV": opencv} if cv2 else {})
        few = [half[:2] for half in halves(trail)]
        begun = perf_counter()
        shared(pool, matplotlib, few)()
        slow = 4 / (perf_counter() - begun)
        print(f"  matplotlib: {slow:,.1f} a second; ours is {rate / slow:,.0f} times that")
        run("full clutter without noise", rendering(frames, marker=DISC, clutter=FULL), {})
        noisy = rendering(frames, marker=DISC, clutter=FULL | {"noise": 0.05})
        run("full clutter with noise", noisy, {"numpy's normal numbers alone": gaussians, "its bits alone": words})


def peak(count: int) -> int:
    """Renders so many clips of a cluttered scene to disk; returns this process's largest memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        tracks(count).save(Path(folder) / "tracks.npz")
        of = rendering(5, trail=TRAIL, clutter=FULL | {"noise": 0.05})
        of = replace(of, form=Format(frames=5, resolution=64))
        render(Path(folder) / "tracks.npz", of, Path(folder) / "clips", "warn", Path(folder) / "found.json")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    if len(sys.argv) > 1:
        print(peak(int(sys.argv[1])))
        return
    print(f"Rendering; {machine()}")
    for frames in (5, 17):
        speeds(frames)
    found = {}
    for count in (1000, 20000):
        with tempfile.TemporaryDirectory() as store:
            environment = {**os.environ, "TRAJPROBE_STORE": store}
            done = subprocess.run(
                [sys.executable, __file__, str(count)], env=environment, capture_output=True, text=True, check=True
            )
        found[count] = int(done.stdout)
    print("\nmemory at most: " + ", ".join(f"{peak} MB with {count:,} clips" for count, peak in found.items()))


if __name__ == "__main__":
    main()
