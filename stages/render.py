"""python stages/render.py FORMAT: renders the tracks to clips of one format."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.clips.render import render
    from trajprobe.clips.sections import rendering_of
    from trajprobe.files.findings import of_clips

    values = read()
    guards = section(values, str, "prepare", "guards")
    tracks, folder = Path("data/trajectories/tracks.npz"), Path("data/clips") / name
    return render(tracks, rendering_of(values, name), folder, guards, of_clips(name))


if __name__ == "__main__":
    run(main)
