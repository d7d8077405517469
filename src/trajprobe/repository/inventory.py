"""The data sets of a repository: lists them, and removes one that was imported."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trajprobe.data import raw, synthetic
from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.atomic import file_md5
from trajprobe.inspection.listing import Listing
from trajprobe.inspection.measures import RAW, SYNTHETIC, imported_names, no_such_set
from trajprobe.inspection.page import Facts, span
from trajprobe.inspection.refusals import not_here
from trajprobe.params import check_name, section
from trajprobe.repository.dvc_add import cached_object, check_repository_root
from trajprobe.repository.dvc_command import dvc


def data_sets(values: dict[str, Any]) -> list[Facts]:
    """Facts of each data set; `used` is the one that params.yaml (`values`) names.

    What can't be said is None, and then `problem` says why.
    """
    used = section(values, str, "dataset")
    params = section(values, synthetic.Synthetic, "synthetic")
    drawn = {
        "tracks": params.clips,
        "points": [params.points, params.points],
        "dimensions": 3,
        "classes": len(synthetic.NAMES),
        "origin": "drawn by the stage `synthetic`, as params.yaml says",
        "problem": None,
    }
    sets = {SYNTHETIC: drawn} | {name: _facts(RAW / f"{name}.npz") for name in imported_names()}
    return [{"name": name, "used": name == used, **of} for name, of in sets.items()]


def listing(sets: Sequence[Facts]) -> Listing:
    """A line for each data set; the one in use has a star."""
    return Listing(
        ["", "NAME", "TRACKS", "POINTS", "CLASSES", "FROM"],
        [["*" if of["used"] else "", of["name"], *_cells(of)] for of in sets],
        (2, 3, 4),
    )


def _cells(of: Facts) -> list[str]:
    if of["problem"]:
        return ["-", "-", "-", of["problem"]]
    points = f"{span(of['points'])} in {of['dimensions']}-D"
    return [f"{of['tracks']:,}", points, f"{of['classes']:,}", of["origin"] or "not recorded"]


def remove_data_set(name: str, values: dict[str, Any]) -> str:
    """Removes an imported data set: its file, its .dvc file and its line in .gitignore, by DVC's own command.

    Returns lines that say what was removed, and what brings it back.

    Raises:
        UserError: params.yaml (`values`) uses it, it was not imported, or DVC's cache does not have its content.
    """
    check_repository_root()
    check_name(name, "NAME")
    path = RAW / f"{name}.npz"
    pointer = imported.dvc_file(path)
    if name == section(values, str, "dataset"):
        raise UserError(f"params.yaml: `dataset`: uses {name}; set another one there, then remove {name}")
    if not imported.recorded(path):
        raise UserError(no_such_set(name) if not path.exists() else f"{path}: was not imported, so it is not removed")
    held = cached_object(imported.dvc_md5(path))
    if not _is_whole(held):
        raise UserError(
            f"{path}: DVC's cache has no intact copy of it; run `dvc commit {pointer}`, or `dvc pull {path}`"
        )
    if path.exists() and not _is_whole(cached_object(file_md5(path))):
        raise UserError(f"{path}: has content that DVC does not hold; move it elsewhere, or `trajprobe restore {path}`")
    back = _way_back(pointer, held, name)
    dvc("remove", "--outs", str(pointer))
    return f"{path}: removed; DVC's cache keeps its content until `dvc gc`\nto bring it back: {back}"


def _facts(path: Path) -> Facts:
    """What is in an imported file, or why it can't be said."""
    of: Facts = dict.fromkeys(("tracks", "points", "dimensions", "classes"))
    of |= {"origin": imported.recorded_origin(path), "problem": None}
    if not path.is_file():
        return of | {"problem": not_here(path)}
    try:
        data = raw.load(path)
    except UserError as error:
        return of | {"problem": str(error)}
    points = np.isfinite(data.trajectories).all(axis=2).sum(axis=1)
    return of | {
        "tracks": len(data.labels),
        "points": [int(points.min()), int(points.max())],
        "dimensions": data.trajectories.shape[2],
        "classes": len(np.unique(data.labels)),
    }


def _is_whole(held: Path) -> bool:
    """Whether DVC's cache has this object, undamaged."""
    return held.is_file() and file_md5(held) == held.parent.name + held.name


def _way_back(pointer: Path, held: Path, name: str) -> str:
    """The commands that bring a removed data set back: by the commit that has its .dvc file, else by another import."""
    committed = subprocess.run(["git", "show", f"HEAD:./{pointer}"], capture_output=True, check=False)  # noqa: S603, S607
    if committed.returncode == 0 and committed.stdout == pointer.read_bytes():
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
        return f"git checkout {head.stdout.strip()} -- {pointer} && dvc checkout {pointer}"
    copy = shlex.join(["cp", str(held), f"{name}.npz"])
    return f"{copy} && trajprobe data import {name}.npz --name {name}"
