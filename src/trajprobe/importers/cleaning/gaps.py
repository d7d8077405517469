"""Pauses within a track that are longer than `--max-gap`: the track ends there, and another begins."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable


def clean(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """Tracks without longer pauses; the parts of one are of one group.

    Raises:
        UserError: there are no times; all steps are such pauses; or there are some, and they are to be refused.
    """
    if options.max_gap is None:
        return table
    if table.times is None:
        raise UserError(f"{where}: --max-gap needs times; name them with --time")
    check_unit("--max-gap", options.max_gap, table, where)
    begins = np.zeros(len(table.points), np.bool_)
    begins[1:] = (np.diff(table.times) > options.max_gap) & (table.track[1:] == table.track[:-1])
    if not begins.any():
        return table
    tracks = np.unique(table.track[begins])
    what = f"{several(int(begins.sum()), 'pause')} longer than {options.max_gap:g} in {several(len(tracks), 'track')}"
    if options.long_gaps == "refuse":
        longest = int(np.diff(table.times, prepend=table.times[:1])[begins].argmax())
        row = np.flatnonzero(begins)[longest]
        raise UserError(
            f"{where}: {what} ({visible_names(table.track_names[tracks], 5)}), the longest of "
            f"{table.times[row] - table.times[row - 1]:g} in {visible_name(table.track_names[table.track[row]])}; "
            "--long-gaps split makes two tracks at each, a larger --max-gap keeps them"
        )
    begins[table.starts] = True
    return parted(table, np.cumsum(begins) - 1, "part", f"{what}: split there")


def check_unit(option: str, value: float, table: PointTable, where: str) -> None:
    """Refuses a time that is shorter than every step of tracks: it is meant in another unit.

    Raises:
        UserError: the option's value, and the shortest step.
    """
    steps = np.diff(np.asarray(table.times))[table.track[1:] == table.track[:-1]]
    shortest = steps[steps > 0].min(initial=np.inf)
    if value < shortest < np.inf:
        raise UserError(
            f"{where}: {option}: got {value:g}, less than the shortest step from a point to the next, {shortest:g}; it "
            "is in the file's unit of time. --fps 1000 makes seconds of milliseconds"
        )


def parted(table: PointTable, piece: NDArray[np.int64], kind: str, *notes: str) -> PointTable:
    """Tracks cut into pieces, that of each point being `piece` (m), from 0 and never falling.

    All pieces of a track are of one group: the track's, where there are groups, else the track itself. A piece of a
    track that was cut is called "TRACK KIND 1" and so on.
    """
    first = np.flatnonzero(np.diff(piece, prepend=-1))
    source = table.track[first]
    number = np.arange(len(source)) - np.searchsorted(source, source) + 1
    cut = np.bincount(source, minlength=len(table))[source] > 1
    names = table.track_names[source]
    labelled = np.strings.add(np.strings.add(names, f" {kind} "), number.astype(np.str_))
    groups = table.track_names if table.groups is None else table.groups
    per_track = {name: getattr(table, name) for name in ("labels", "split")}
    kept = {name: values[source] for name, values in per_track.items() if values is not None}
    return replace(
        table,
        track=piece,
        track_names=np.where(cut, labelled, names),
        groups=groups[source],
        notes=(*table.notes, *notes),
        **kept,
    )
