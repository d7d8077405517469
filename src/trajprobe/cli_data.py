"""`trajprobe data`: data sets are imported, looked at and removed.

The options of `import` stand in the order of the work: which file, which columns, cleaning, classes, windows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trajprobe.cli_group import Group, Option, json_option, show, show_json, show_parts
from trajprobe.cli_values import DATA_SET, FORMAT, IMPORTED, NUMBER, NumberType, OneOf
from trajprobe.errors import UserError

PATH = click.Path(path_type=Path)
#: An option, once it is told the section of help that it stands in.
_Made = Callable[[str], Callable[[Any], Any]]


def _option(name: str, text: str, **settings: Any) -> _Made:
    return lambda section: click.option(name, help=text, cls=Option, section=section, **settings)


def _several(name: str, text: str, metavar: str = "TEXT") -> _Made:
    return _option(name, text, multiple=True, metavar=metavar)


def _section(title: str, *options: _Made) -> list[Callable[[Any], Any]]:
    return [option(title) for option in options]


#: docs/data.md has a section for each kind of file, and one for cleaning and windows.
OPTIONS = (
    *_section(
        "The file",
        _option("--format", "The format, where the file's ending does not say it: csv, parquet, npz and so on."),
        _option(
            "--preset",
            "The tool that wrote a table, where its columns do not say it: TrackMate, trackpy, MOT and so on.",
        ),
    ),
    *_section(
        "Which columns or arrays",
        _several(
            "--id", "Table: the column of tracks' names; repeat it to join columns. `filename`: each file is a track."
        ),
        _option("--time", "The column, or array, of times."),
        _option("--clock", "Table: the column of times of day, where --time has dates alone."),
        _option(
            "--date-format",
            "Table: how dates are written, as '%d/%m/%Y %H:%M:%S'; without it ISO 8601, or what is sure.",
        ),
        _option("--x", "The column of x, or its array (n t)."),
        _option("--y", "The column of y, or its array."),
        _option("--z", "The column of z, or its array."),
        _option("--label", "The column, or array, of classes."),
        _option("--label-name", "Table: the column of classes' names, where --label has numbers."),
        _option(
            "--group", "The column, or array, of subjects, recordings or scenes; all tracks of one are in one fold."
        ),
        _option("--split", "The column, or array, of `train` and `test`."),
        _option(
            "--labels",
            "The array of classes; with --on, a second table of a row a track; for an .npy, a second .npy of classes.",
        ),
        _several("--on", "The column of that second table that has the tracks' names; repeat it to join columns."),
        _option(
            "--label-from",
            "The class of a file's tracks: `filename` is its name, `folder` its folder, '*_{}_*' the part at {}.",
        ),
        _option("--group-from", "The group of a file's tracks, likewise: 'subject{}_*'."),
        _option("--split-from", "The split of a file's tracks, likewise."),
        _option("--trajectories", "The array of points."),
        _option("--axes", "The order of its axes, n tracks, t points, d coordinates; 'n t d' without it."),
    ),
    *_section(
        "Cleaning",
        _option("--min-likelihood", "Poses: points that the network is less sure of are missing.", type=NUMBER),
        _several(
            "--missing",
            "A value that marks a missing point. `padding`: zeros at a track's end. `none`: nothing is missing.",
        ),
        _option(
            "--lonlat/--no-lonlat",
            "Degrees of longitude and latitude become metres, or stay as they are.",
            default=None,
        ),
        _option("--scale", "Multiplies coordinates: by one number, or by one an axis, as '0.1 0.1 0.5'."),
        _option("--fps", "Times are numbers of frames, this many a second.", type=NUMBER),
        _option(
            "--repeated-times",
            "Points of a track at the same time: which to keep.",
            type=OneOf("keep", "first", "last", "mean", "refuse"),
            default="keep",
            show_default=True,
        ),
        _option("--outliers", "Leave out outliers, by position or by speed.", type=OneOf("place", "speed")),
        _option(
            "--outlier-bound",
            "How far out: interquartile ranges beyond a track's quartiles, or times the 95th percentile of speeds.",
            type=NUMBER,
            default=3.0,
            show_default=True,
        ),
        _option(
            "--max-gap",
            "The longest pause within a track: seconds, with --fps or dates, else the file's unit.",
            type=NUMBER,
        ),
        _option(
            "--long-gaps",
            "What a longer pause does to a track.",
            type=OneOf("split", "refuse"),
            default="split",
            show_default=True,
        ),
    ),
    *_section(
        "Classes",
        _several(
            "--unlabelled",
            "A label that means 'no label'. Without it: empty, nan, and -1 beside two classes. `none`: all count.",
        ),
        _option("--ignore-case", "Classes that differ by capitals alone are one.", is_flag=True),
        _several("--merge-class", "Rename class OLD to NEW, or merge it into NEW.", "OLD=NEW"),
        _several("--drop-class", "A class to leave out."),
    ),
    *_section(
        "Windows, and what is too short",
        _option("--window", "Cut tracks into windows as long as this.", type=NUMBER),
        _option(
            "--stride",
            "From the start of a window to that of the next; without it, windows do not overlap.",
            type=NUMBER,
        ),
        _option(
            "--window-in",
            "The unit of both; without it time, where there are times, else points.",
            type=OneOf("time", "points"),
        ),
        _option(
            "--min-points",
            "Leave out tracks of fewer points. Without it, a track of fewer than 2 is refused.",
            type=NumberType(int, 2),
        ),
        _option(
            "--min-duration",
            "Leave out tracks that last less: seconds, with --fps or dates, else the file's unit.",
            type=NUMBER,
            default=0.0,
        ),
        _option("--min-per-class", "Leave out classes of fewer tracks.", type=NumberType(int, 1), default=1),
    ),
)


def import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all of `OPTIONS`; help lists them in their order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.group("data", Group)
def data() -> None:
    """Import, look at and remove data sets."""


@data.command(
    "import",
    examples=[
        ("trajprobe data import tracks.npz --name hands", "Arrays `trajectories` (n t d) and `labels` (n)."),
        (
            "trajprobe data import cells.csv --name cells --id cell --time s --x x --y y --label kind",
            "A table with a line a point; columns that are called as usual need no option.",
        ),
        (
            "trajprobe data import walks/*.csv --name walks --label-from filename",
            "A file a track; its class is the file's name.",
        ),
        (
            "trajprobe data import long.csv --name windows --window 10 --stride 5 --min-per-class 20",
            "Windows of 10 s, where times are in seconds, one every 5 s; classes of fewer than 20 are left out.",
        ),
    ],
)
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILES", help="One file, or several of one set.")
@click.option("--name", required=True, help="What the data set is to be called in params.yaml.")
@click.option("--force", is_flag=True, help="Replace the data set of that name.")
@import_options
def import_data(files: tuple[Path, ...], name: str, force: bool, **options: Any) -> None:
    """Read FILES, write data/raw/NAME.npz, `dvc add` it.

    Columns and formats that are well known need no option; docs/data.md has an example for each kind of file.
    """
    from trajprobe.importers.data_set import import_data_set
    from trajprobe.importers.options import ImportOptions
    from trajprobe.params import parse
    from trajprobe.repository.doctor import mend

    mend(show)
    show(import_data_set(files, name, parse(options, ImportOptions, "trajprobe data import"), replace=force))


@data.command(
    "show",
    examples=[
        ("trajprobe data show hands", "Ranges, classes, groups, and what the guards find."),
        ("trajprobe data show hands --out hands.png --clips t9", "A picture too, with its clips in the format t9."),
        ("trajprobe data show hands --json | jq '.guards[].text'", "What the guards find, for a script."),
    ],
)
@click.argument("name", type=DATA_SET, help="A data set: `synthetic`, or one that was imported.")
@click.option("--out", type=PATH, help="Also draw it: a .png or .svg file.")
@click.option(
    "--clips",
    "form",
    type=FORMAT,
    metavar="FORMAT",
    help="Draw its clips in this format of `clips`, by default the first.",
)
@json_option
def show_data(name: str, out: Path | None, form: str | None, as_json: bool) -> None:
    """Show what is in a data set, in words and as a picture.

    The guards run on it, as in `dvc repro`. Nothing of a run is needed, and none is started.
    """
    from trajprobe.inspection.measures import open_dataset
    from trajprobe.inspection.page import facts, page
    from trajprobe.params import read

    values = read()
    dataset = open_dataset(name, values)
    if form and not out:
        raise UserError(f"--clips: got {form!r}, but no picture to draw its clips in; add --out data.png")
    if out:
        from trajprobe.figures.data import save_picture

        save_picture(dataset, values, form, out)
    of = facts(dataset, values)
    if as_json:
        show_json(of | ({"picture": str(out)} if out else {}))
        return
    show_parts(page(of))
    if out:
        show(f"\n{out}: drawn")


@data.command(
    "list",
    examples=[
        ("trajprobe data list", "The star marks the set that params.yaml uses."),
        ("trajprobe data list --json | jq -r '.[].name'", "The names alone."),
    ],
)
@json_option
def list_data(as_json: bool) -> None:
    """List the data sets of this repository."""
    from trajprobe.params import read
    from trajprobe.repository.inventory import data_sets, listing

    sets = data_sets(read())
    if as_json:
        show_json(sets)
    else:
        show_parts([listing(sets)])


@data.command(
    "remove",
    examples=[("trajprobe data remove hands", "Prints the command that brings it back, from DVC's cache.")],
)
@click.argument("name", type=IMPORTED, help="A data set that was imported.")
def remove_data(name: str) -> None:
    """Remove an imported data set from data/raw.

    DVC's cache keeps its content, and the command that brings it back is printed.
    """
    from trajprobe.params import read
    from trajprobe.repository.doctor import mend
    from trajprobe.repository.inventory import remove_data_set

    mend(show)
    show(remove_data_set(name, read()))
