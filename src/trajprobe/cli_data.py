"""The options of `trajprobe data import`, in the order of the work: which file, which columns, cleaning, windows."""

from collections.abc import Callable
from typing import Any

import click


def _option(name: str, text: str, **settings: Any) -> Callable[[Any], Any]:
    return click.option(name, help=text, **settings)


def _several(name: str, text: str, metavar: str = "TEXT") -> Callable[[Any], Any]:
    return click.option(name, help=text, multiple=True, metavar=metavar)


#: docs/data.md has a section for each kind of file, and one for cleaning and windows.
OPTIONS = (
    _option("--format", "The format, where the file's ending does not say it: csv, parquet, npz and so on."),
    _option(
        "--preset", "The tool that wrote a table, where its columns do not say it: TrackMate, trackpy, MOT and so on."
    ),
    _several("--id", "Table: the column of tracks' names; several times: all together. `filename`: a file is a track."),
    _option("--time", "The column, or array, of times."),
    _option("--clock", "Table: the column of times of day, where --time has dates alone."),
    _option(
        "--date-format", "Table: how dates are written, as '%d/%m/%Y %H:%M:%S'; without it ISO 8601, or what is sure."
    ),
    _option("--x", "The column of x, or its array (n t)."),
    _option("--y", "The column of y, or its array."),
    _option("--z", "The column of z, or its array."),
    _option("--label", "The column, or array, of classes."),
    _option("--label-name", "Table: the column of classes' names, where --label has numbers."),
    _option("--group", "The column, or array, of subjects, recordings or scenes, which no fold parts."),
    _option("--split", "The column, or array, of `train` and `test`."),
    _option(
        "--labels", "The array of classes; with --on, a second table, which has a row a track; of an npy, another npy."
    ),
    _several("--on", "The column of that second table that has the tracks' names; several times: all together."),
    _option(
        "--label-from",
        "What a file's tracks have as class: `filename` without its ending, `folder`, or a part, {} in '*_{}_*'.",
    ),
    _option("--group-from", "What a file's tracks have as group, likewise: 'subject{}_*'."),
    _option("--split-from", "What a file's tracks have as split."),
    _option("--trajectories", "The array of points."),
    _option("--axes", "The order of its axes, n tracks, t points, d coordinates; 'n t d' without it."),
    _option("--min-likelihood", "Poses: points that the network is less sure of are missing.", type=float),
    _several(
        "--missing",
        "A number that means: no point. `padding`: zeros at a track's end. `none`: keep what looks like it.",
    ),
    _option(
        "--lonlat/--no-lonlat", "Degrees of longitude and latitude become metres, or stay as they are.", default=None
    ),
    _option("--scale", "Multiplies coordinates: by one number, or by one an axis, as '0.1 0.1 0.5'."),
    _option("--fps", "Times are numbers of frames, this many a second.", type=float),
    _option(
        "--repeated-times",
        "Points of a track at the same time: which to keep.",
        type=click.Choice(["keep", "first", "last", "mean", "refuse"]),
        default="keep",
        show_default=True,
    ),
    _option("--outliers", "Leave out wild points, by place or by speed.", type=click.Choice(["place", "speed"])),
    _option("--outlier-bound", "How wild, in the spread of the rest.", type=float, default=3.0, show_default=True),
    _option("--max-gap", "The longest pause within a track, in the file's time.", type=float),
    _option(
        "--long-gaps",
        "What a longer pause does to a track.",
        type=click.Choice(["split", "refuse"]),
        default="split",
        show_default=True,
    ),
    _several(
        "--unlabelled", "A label that means none. Without it: empty, nan, and -1 beside two others. `none`: no label."
    ),
    _option("--ignore-case", "Classes that differ by capitals alone are one.", is_flag=True),
    _several("--merge-class", "Class OLD is renamed to NEW, or becomes a part of it.", "OLD=NEW"),
    _several("--drop-class", "A class to leave out."),
    _option("--window", "Cut tracks into windows as long as this.", type=float),
    _option(
        "--stride", "From the start of a window to that of the next; without it, windows do not overlap.", type=float
    ),
    _option(
        "--window-in",
        "What these two count; without it time, where there are times.",
        type=click.Choice(["time", "points"]),
    ),
    _option("--min-points", "Leave out tracks of fewer points; without it they are refused.", type=int),
    _option("--min-duration", "Leave out tracks that last less, in the file's time.", type=float, default=0.0),
    _option("--min-per-class", "Leave out classes of fewer tracks.", type=int, default=1),
)


def import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all of `OPTIONS`; help lists them in their order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
