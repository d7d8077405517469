"""Imports files of the user's to data/raw/NAME.npz and adds that to DVC: read, cleaned, cut, checked, written."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from trajprobe.data import raw
from trajprobe.data.folds import Prepare
from trajprobe.errors import UserError, visible_names
from trajprobe.files.atomic import write_npz
from trajprobe.importers import classes, decoding, several, sizes, windows
from trajprobe.importers.cleaning import gaps, missing, outliers, places, times
from trajprobe.importers.destination import destination
from trajprobe.importers.options import ImportOptions
from trajprobe.params import read, section
from trajprobe.repository.dvc_add import added_to_dvc, check_repository_root


def import_data_set(files: tuple[Path, ...], name: str, options: ImportOptions, *, replace: bool = False) -> str:
    """Reads and cleans `files`, writes their canonical form to data/raw/NAME.npz, and runs `dvc add` on that.

    Args:
        files: of the formats in `formats`, one or more that make up one data set.
        name: the name of the data set in params.yaml.
        options: how to read and clean them.
        replace: replaces a data set of that name.

    Returns what was imported, left out and changed: a line for each, that of the data set first.

    Raises:
        UserError: a file, an option or the name is refused, or DVC refuses. data/raw is left as it was.
    """
    path = destination(name, replace)
    check_repository_root()
    data, guesses = load(files, options)
    with added_to_dvc(path, visible_names([file.name for file in files], 3)) as new:  # no folder of this machine's
        write_npz(new, raw.as_arrays(data))
    points = np.isfinite(data.trajectories).all(2).sum(1)
    facts = [
        f"{path}: {len(data.labels)} tracks of {points.min()} to {points.max()} points in "
        f"{data.trajectories.shape[2]}-D, {len(np.unique(data.labels))} classes"
    ]
    if data.split is not None:
        facts.append(f"{int((data.split == 'train').sum())} train and {int((data.split == 'test').sum())} test tracks")
    facts.append(
        f"commit it (`git commit -m 'Import {name}'`), then set `dataset: {name}` in params.yaml and run `make repro`"
    )
    warnings = classes.too_small(data, folds) if (folds := _folds()) else []
    return "\n".join(["; ".join(facts), *(f"  {note}" for note in (*guesses, *data.notes, *warnings))])


def _folds() -> int | None:
    """Of params.yaml; None where that is missing or wrong, which is no reason to refuse an import."""
    with suppress(UserError):
        return section(read(), Prepare, "prepare").folds
    return None


def load(files: tuple[Path, ...], options: ImportOptions) -> tuple[raw.Raw, tuple[str, ...]]:
    """The data set that `files` are, checked, and what was guessed while they were read.

    Raises:
        UserError: a file or an option is refused.
    """
    where = str(files[0]) + f" and {len(files) - 1} more files" * (len(files) > 1)
    table = decoding.decoded(several.read(files, options).in_order(), where)
    table = classes.cleaned(table, options, where)
    # Durations only after `times`, which makes seconds of numbers of frames.
    table = sizes.enough_points(missing.clean(table, options, where), options, where)
    for step in (places, times, outliers, gaps):
        table = step.clean(table, options, where)
    if options.window:
        table = sizes.long_enough(table, options, where)
    table = sizes.long_enough(windows.cut(table, options, where), options, where)
    table = classes.frequent(table, options.min_per_class)
    data = raw.check(table.arrays(Path(where)), Path(where), table.notes)
    classes.check_sizes(table, where)
    return data, (*table.guesses, *classes.similar(table))
