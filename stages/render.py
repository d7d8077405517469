"""python stages/render.py FORMAT: renders the tracks to clips of one format."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.clips.render import render
    from trajprobe.clips.scene import Format, Scene
    from trajprobe.files import findings

    values = read()
    guards = section(values, str, "prepare", "guards")
    scene = section(values, Scene, "render")
    form = section(values, Format, "clips", name)
    made, found = render(Path("data/trajectories/tracks.npz"), scene, form, Path("data/clips") / name, guards)
    findings.save(found, findings.of_clips(name))
    return "\n  ".join([made, *(finding.text for finding in found)])


if __name__ == "__main__":
    run(main)
