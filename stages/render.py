"""python stages/render.py FORMAT: renders the tracks to clips of one format."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(form: str) -> str:
    from trajprobe.trajectories.tracks import Tracks
    from trajprobe.videos.render import render
    from trajprobe.videos.scene import Format, Scene

    values = read()
    scene = section(values, Scene, "render")
    tracks = Tracks.load(Path("data/trajectories/tracks.npz"))
    return render(tracks, scene, section(values, Format, "clips", form), Path("data/clips") / form)


if __name__ == "__main__":
    run(main)
