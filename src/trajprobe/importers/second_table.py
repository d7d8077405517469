"""Labels, groups and splits of tracks from a second table, which has a row a track."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers import long_table, presets, readers
from trajprobe.importers.decoding import integers
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: The options that may name columns of either table, and what of a table they stand for.
FIELDS = {"label": "labels", "label_name": "label_names", "group": "groups", "split": "split"}


def with_labels(table: PointTable, options: ImportOptions, names: NDArray[np.str_]) -> PointTable:
    """`table` with the labels that the table `--labels` has, where the tracks' names stand in its columns `--on`.

    Tracks that have no row there are left out, and counted.

    Args:
        table: of one file, or of several.
        options: of which `labels`, `on` and the names of columns are used.
        names: (n), what its own file calls each track, without the file's name.

    Raises:
        UserError: there is no such table or column; a track has two rows that differ; no track has a row, or names
            repeat from file to file.
    """
    if not options.on:
        return table
    if options.labels is None:
        raise UserError("--on: names columns of a second table; name that table with --labels FILE")
    path = Path(options.labels)
    file = readers.of_table(path).opened(path, options)
    columns = file.names
    frame = file.load(columns, ())
    for role, field in FIELDS.items():
        option = getattr(options, role)
        if option and option not in columns and getattr(table, field) is None:
            flag, got = f"--{role.replace('_', '-')}", visible_names(columns, 30)
            raise UserError(f"{path}: no column {visible_name(option)}, which {flag} names; got {got}")
    roles = presets.of_labels(columns, options, path)
    keys = long_table.texts(frame, options.on)
    rows = _rows(table, keys.uniques, names, path, options)
    values = {role: long_table.of_tracks(frame, column, keys, path)[rows[rows >= 0]] for role, column in roles.items()}
    left = int((rows < 0).sum())
    note = f"{left:,} of {len(table):,} tracks left out: {path} has no row for them"
    table = table.with_tracks(rows >= 0, *[note] * bool(left))
    fields: dict[str, Any] = {}
    if "label" in values or "label_name" in values:
        labels = long_table.named_labels(values.get("label"), values.get("label_name"), path)
        fields["labels"], fields["label_names"] = labels
    if "group" in values:
        fields["groups"] = integers(values["group"])
    if "split" in values:
        fields["split"] = values["split"]
    return replace(table, **fields)


def _rows(
    table: PointTable, keys: NDArray[np.str_], names: NDArray[np.str_], path: Path, options: ImportOptions
) -> NDArray[np.int64]:
    """(n), the number of each track's row among `keys` (k), or -1."""
    rows = _places(table.track_names, keys)
    bare = _places(names, keys)
    lacking = (rows < 0) & (bare >= 0)
    unique, counts = np.unique(names[lacking], return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{path}: track {visible_name(unique[counts > 1][0])} stands in several files; give this table a column of "
            "files' names, and name it first: --on FILE --on TRACK"
        )
    rows = np.where(lacking, bare, rows)
    if (rows < 0).all():
        raise UserError(
            f"{path}: no track has a row: the tracks are {visible_names(names, 3)}, and {' with '.join(options.on)} is "
            f"{visible_names(keys, 3)}"
        )
    return rows


def _places(names: NDArray[np.str_], keys: NDArray[np.str_]) -> NDArray[np.int64]:
    """(n), where each of `names` stands among `keys` (k); -1 where it does not."""
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys, names, sorter=order), len(keys) - 1)
    return np.where(keys[order[place]] == names, order[place], -1)
