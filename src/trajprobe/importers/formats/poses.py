"""Poses of animals, through the package movement: DeepLabCut, SLEAP, LightningPose, Anipose; VIA's boxes; NWB.

Their endings are those of other formats, so that `--format poses` asks for it; `--preset` names the program. Each
keypoint of each individual is a track, called "INDIVIDUAL KEYPOINT"; its group is the individual of its file, since
programs call the only animal of each video alike.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible
from trajprobe.files.reading import check_file
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.readers import optional

ENDINGS = ()
OPTIONS = ("label", "preset")
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
        position = dataset.position
        if "keypoints" not in position.dims:
            position = position.expand_dims(keypoints=["box"])
        position = position.transpose("individuals", "keypoints", "time", "space")
        individuals = [str(name) for name in position.individuals.values]
        keypoints = [str(name) for name in position.keypoints.values]
        times, points = np.asarray(position.time.values), np.asarray(position.values, dtype=np.float64)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (movement and what it calls raise anything at a file that is not theirs)
        raise UserError(
            f"{path}: is no file of {program} ({visible(error, 300)}); is it that of another program?"
        ) from None
    return _table(points, times, individuals, keypoints, path, options)


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
