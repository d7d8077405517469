"""Poses of animals, through the package movement: DeepLabCut, SLEAP, LightningPose, Anipose; VIA's boxes; NWB.

Their endings are those of other formats, so that `--format poses` asks for it; `--preset` names the program. Each
keypoint of each individual is a track, called "INDIVIDUAL KEYPOINT"; its group is the individual of its file, since
programs call the only animal of each video alike.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible
from trajprobe.files.reading import check_file
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.readers import optional

ENDINGS = ()
OPTIONS = ("label", "preset", "min_likelihood")
#: As movement calls them.
PROGRAMS = ("DeepLabCut", "SLEAP", "LightningPose", "Anipose", "VIA-tracks", "NWB")
#: What `--label` may name.
PARTS = ("individual", "keypoint")


def read(path: Path, options: ImportOptions) -> PointTable:
    """The keypoints of a file as tracks. `--label keypoint` or `individual` makes classes of these.

    Raises:
        UserError: movement is not installed, or can't read the file as that program's.
    """
    check_file(path, "no such file")
    named = {program.lower(): program for program in PROGRAMS}
    program = named.get((options.preset or "").lower())
    if not program:
        raise UserError(f"--preset: got {options.preset or 'none'}, expected one of {', '.join(PROGRAMS)}")
    movement = optional("movement.io", "poses", path)
    try:
        dataset = movement.load_dataset(path, source_software=program)
        position, likelihood = dataset.position, None
        if "keypoints" not in position.dims:
            position = position.expand_dims(keypoints=["box"])
        position = position.transpose("individuals", "keypoints", "time", "space")
        if options.min_likelihood:
            likelihood = dataset.confidence
            if "keypoints" not in likelihood.dims:
                likelihood = likelihood.expand_dims(keypoints=["box"])
            likelihood = np.asarray(likelihood.transpose("individuals", "keypoints", "time").values, dtype=np.float64)
        individuals = [str(name) for name in position.individuals.values]
        keypoints = [str(name) for name in position.keypoints.values]
        times, points = np.asarray(position.time.values), np.array(position.values, dtype=np.float64)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (movement and what it calls raise anything at a file that is not theirs)
        raise UserError(
            f"{path}: is no file of {program} ({visible(error, 300)}); is it that of another program?"
        ) from None
    notes = []
    if likelihood is not None and options.min_likelihood:
        notes.append(_without_unlikely(points, likelihood, options.min_likelihood, path))
    return replace(_table(points, times, individuals, keypoints, path, options), notes=tuple(notes))


def _without_unlikely(points: NDArray[np.float64], likelihood: NDArray[np.float64], least: float, path: Path) -> str:
    """Makes those of the points (i k t d) missing that are less likely (i k t) than `least`; returns a note of it."""
    if np.isnan(likelihood).all():
        raise UserError(f"{path}: --min-likelihood: the file says of no point how likely it is; leave the option out")
    unlikely = (likelihood < least) & np.isfinite(points).all(axis=3)
    points[unlikely] = np.nan
    of_points, tracks = several(int(unlikely.sum()), "point"), several(int(unlikely.any(axis=2).sum()), "track")
    return f"{of_points} in {tracks} left out: of a likelihood below {least:g} (--min-likelihood)"


def _table(
    points: NDArray[np.float64],
    times: NDArray[Any],
    individuals: list[str],
    keypoints: list[str],
    path: Path,
    options: ImportOptions,
) -> PointTable:
    """Points (i k t d) of individuals (i) and keypoints (k) at times (t), as tracks (i k)."""
    parts = {
        "individual": np.repeat(individuals, len(keypoints)),
        "keypoint": np.tile(keypoints, len(individuals)),
    }
    if options.label and options.label not in PARTS:
        raise UserError(f"--label: got {options.label}, expected {' or '.join(PARTS)}; or --label-from filename")
    count, steps = len(individuals) * len(keypoints), len(times)
    return PointTable(
        points=points.reshape(count * steps, -1),
        track=np.repeat(np.arange(count), steps),
        track_names=np.strings.add(np.strings.add(parts["individual"], " "), parts["keypoint"]),
        times=np.tile(times, count),
        labels=parts[options.label] if options.label else None,
        groups=np.strings.add(f"{path.name} ", parts["individual"]),
    )
