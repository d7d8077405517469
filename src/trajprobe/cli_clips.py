"""What `trajprobe clips show` draws: its options say which clips, and how they differ from those of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trajprobe.errors import UserError

PATH = click.Path(path_type=Path)
#: docs/scenes.md has a picture of each.
OPTIONS = (
    click.option("--out", type=PATH, required=True, help="A .png of all frames, or a .gif, .webp or .mp4 that moves."),
    click.option("--class", "label", metavar="CLASS", help="Clips of this class; by default one of each class."),
    click.option("--row", type=click.IntRange(min=0), help="The clip of this track, counted from 0."),
    click.option("--scene", help="In this scene of params.yaml; by default the format's own."),
    click.option("--level", type=click.FloatRange(0, 100), help="With the scene's clutter at this level; 0: without."),
    click.option("--perturbation", help="As that perturbation of a row sees them: shuffled-frames."),
)


def clip_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all of `OPTIONS`; help lists them in their order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def draw_clips(name: str, out: Path, perturbation: str | None, **choice: Any) -> str:
    """Draws clips of format `name` to a file; returns a line that says so.

    Raises:
        UserError: an option has no valid value.
    """
    from trajprobe.figures.clips import ClipChoice, save_clips
    from trajprobe.params import read

    perturb = None if perturbation is None else _perturbation(perturbation)
    return save_clips(read(), name, out, ClipChoice(**choice), perturb)


def _perturbation(name: str) -> Callable[[Any], Any]:
    """What a perturbation does to a video [b t h w c]; it is looked up with torch, which takes seconds."""
    from trajprobe.features.perturbations import INPUTS

    if name not in INPUTS:
        raise UserError(f"--perturbation: got {name!r}, expected one of {', '.join(INPUTS)}")
    return INPUTS[name]
