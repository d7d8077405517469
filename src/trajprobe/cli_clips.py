"""`trajprobe clips`: clips to be looked at. Options say which clips, and how they differ from those of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trajprobe.cli_group import Group, show
from trajprobe.cli_values import FORMAT, PERTURBATION, SCENE, NumberType


@click.group("clips", Group)
def clips() -> None:
    """Look at clips."""


#: docs/scenes.md has a picture of each option.
@clips.command(
    "show",
    examples=[
        ("trajprobe clips show t17 --out clips.png", "The frames of a clip of each class, side by side."),
        ("trajprobe clips show t17 --class helical --out helical.webp", "The first clips of a class, moving."),
        (
            "trajprobe clips show t17 --track 3 --perturbation shuffled-frames --out shuffled.gif",
            "One clip, with its frames shuffled.",
        ),
    ],
)
@click.argument("name", type=FORMAT, help="A format of params.yaml: a row of `clips`.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A .png of all frames, or a .gif, .webp or .mp4 that moves.",
)
@click.option("--class", "label", metavar="CLASS", help="Clips of this class; by default one of each class.")
@click.option(
    "--track", type=NumberType(int, 0), help="The clip of this track, counted from 0 among those that are used."
)
@click.option("--scene", type=SCENE, help="In this scene of params.yaml; by default the format's own.")
@click.option("--level", type=NumberType(float, 0, 100), help="With the scene's clutter at this level; 0: without.")
@click.option("--perturbation", type=PERTURBATION, help="Apply this perturbation, such as shuffled-frames.")
def show_clips(name: str, out: Path, perturbation: str | None, **choice: Any) -> None:
    """Draw clips of the data set in a format.

    Nothing of a run is needed: the clips are made as a run makes them, from the data set that params.yaml uses.
    """
    from trajprobe.figures.clips import ClipChoice, save_clips
    from trajprobe.params import read

    perturb = None if perturbation is None else _perturbation(perturbation)
    show(save_clips(read(), name, out, ClipChoice(**choice), perturb))


def _perturbation(name: str) -> Callable[[Any], Any]:
    """What a perturbation does to a video [b t h w c]; it is looked up with torch, which takes seconds."""
    from trajprobe.features.perturbations import INPUTS
    from trajprobe.inspection.refusals import check_one_of

    check_one_of("--perturbation", name, INPUTS)
    return INPUTS[name]
