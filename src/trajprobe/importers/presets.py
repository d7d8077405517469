"""Which columns of a table mean what: as the options name them, else as presets.yaml has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.params import Parameters, parse, parse_yaml

PRESETS = Path(__file__).with_name("presets.yaml")
#: The preset that has what every other one looks for, too.
ALL = "all"
#: The preset that has the names of columns of degrees, whichever preset or option found them.
DEGREES = "longitude and latitude"
#: What a column may be, but for a track's name, of which several columns are a part.
ROLES = ("time", "clock", "x", "y", "z", "label", "label_name", "group", "split")
#: The value of --id by which each file is one track.
FILENAME = "filename"

Names = str | tuple[str, ...]


class Preset(Parameters, frozen=True, kw_only=True):
    """The columns of a tool's tables, by what they mean; presets.yaml explains each key."""

    name: str
    id: str | tuple[str | tuple[str, ...], ...] = ()
    time: Names = ()
    clock: Names = ()
    x: Names = ()
    y: Names = ()
    z: Names = ()
    label: Names = ()
    label_name: Names = ()
    group: Names = ()
    split: Names = ()
    geometry: str | None = None
    columns: dict[int, tuple[str, ...]] = field(default_factory=dict)
    text_rows: Annotated[int, Meta(ge=0)] = 0
    halves: dict[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    visible: str | None = None
    degrees: bool = False


@dataclass(frozen=True)
class Columns:
    """The columns of one table, by what they mean."""

    id: tuple[str, ...]  #: none: the whole file is one track
    roles: dict[str, str]  #: by `ROLES`, and `geometry`
    halves: dict[str, str]  #: by axis, the column of which half is added
    degrees: bool
    visible: str | None  #: that by which the tool marks rows that do not count, as false
    guess: str  #: what was guessed, as a sentence; empty where the options name all

    def all(self) -> list[str]:
        """Every column that is read."""
        return list(
            dict.fromkeys([*self.id, *self.roles.values(), *self.halves.values(), *filter(None, [self.visible])])
        )

    def numbers(self, options: ImportOptions) -> list[str]:
        """The columns of numbers: coordinates, and times but where the options say that they are dates."""
        dated = options.date_format or "clock" in self.roles
        roles = ("x", "y", "z") if dated else ("x", "y", "z", "time")
        return [self.roles[role] for role in roles if role in self.roles] + [*self.halves.values()]


@cache
def presets() -> tuple[Preset, ...]:
    """All of presets.yaml."""
    return parse(parse_yaml(PRESETS.read_text(encoding="utf-8"), PRESETS), tuple[Preset, ...], str(PRESETS))


def without_header(count: int, options: ImportOptions, path: Path) -> tuple[str, ...]:
    """The columns of a table that has no header line, by their number.

    Raises:
        UserError: no tool's files have as many.
    """
    for preset in _candidates(options):
        if count in preset.columns:
            return preset.columns[count]
    known = sorted({number for preset in presets() for number in preset.columns})
    raise UserError(
        f"{path}: got {count} columns and no header line, expected a first line with the columns' names, or "
        f"{', '.join(map(str, known[:-1]))} or {known[-1]} columns as MOT and ETH/UCY files have; add that line, or "
        f"where each row is a track: --format wide --axes 'n (t d)' --label 'column {count}'"
    )


def text_rows(columns: Sequence[str], options: ImportOptions) -> int:
    """How many lines of words may stand below the header."""
    fitting = [preset for preset in _candidates(options) if preset.text_rows and _fit(preset, columns, options)]
    return fitting[0].text_rows if fitting else 0


def columns(names: Sequence[str], options: ImportOptions, path: Path) -> Columns:
    """What each of the columns `names` means.

    Raises:
        UserError: a column that an option names does not exist; x, y or the tracks' names can't be found.
    """
    for option in (*options.id, *(getattr(options, role, None) for role in ROLES)):
        elsewhere = options.on and option in (options.label, options.label_name, options.group, options.split)
        if option and option not in names and option != FILENAME and not elsewhere:
            raise UserError(f"{path}: no column {visible_name(option)}; got {visible_names(names, 30)}")
    for preset in _candidates(options):
        if fit := _fit(preset, names, options):
            return fit
    chosen = f" as {visible_name(options.preset)} has them" if options.preset else ""
    raise UserError(
        f"{path}: expected columns for a track's name, x and y{chosen}, got {visible_names(names, 30)}; name them "
        "with --id, "
        "--x and --y (and --time, --label, --group), or each file is one track with --id filename; where each row is a "
        "track: --format wide --axes 'n (t d)'"
    )


def of_labels(names: Sequence[str], options: ImportOptions, path: Path) -> dict[str, str]:
    """The columns of a second table, which has a row a track, by what they mean.

    Raises:
        UserError: a column of tracks' names is not there, or no column has labels.
    """
    for column in options.on:
        if column not in names:
            raise UserError(
                f"{path}: no column {visible_name(column)}, which --on names; got {visible_names(names, 30)}"
            )
    roles = of_rows(names, options, options.on)
    others = [name for name in names if name not in (*options.on, *roles.values())]
    if not {"label", "label_name"} & roles.keys() and len(others) == 1:
        roles["label"] = others[0]
    if not roles:
        raise UserError(f"{path}: which column has the labels? Name it with --label; got {visible_names(names, 30)}")
    return roles


def of_rows(names: Sequence[str], options: ImportOptions, identity: tuple[str, ...]) -> dict[str, str]:
    """The columns of labels, their names, groups and split, of a table with a row a track.

    `identity` are those of the tracks' names.
    """
    by_plain = {_plain(name): name for name in reversed(names) if name not in identity}
    (common,) = [preset for preset in presets() if preset.name == ALL]
    roles: dict[str, str] = {}
    for role in ("label", "label_name", "group", "split"):
        option = getattr(options, role)
        guess = _first(_several(getattr(common, role)), by_plain, set(roles.values()))
        chosen = option if option in names else guess
        if chosen:
            roles[role] = chosen
    return roles


def group_of_arrays(names: Sequence[str]) -> str | None:
    """That of some arrays' names which columns of groups have: subject, participant and the like."""
    (common,) = [preset for preset in presets() if preset.name == ALL]
    return _first(_several(common.group), {_plain(name): name for name in reversed(names)}, set())


def has_points(names: Sequence[str]) -> bool:
    """Whether columns are called as those of a table with a row a point: x and y, or times."""
    (common,) = [preset for preset in presets() if preset.name == ALL]
    plain = {name.strip().lower() for name in names}
    return {"x", "y"} <= plain or bool(_all_of(_several(common.time), {_plain(name): name for name in plain}))


def _candidates(options: ImportOptions) -> list[Preset]:
    every = [preset for preset in presets() if preset.name != ALL]
    if not options.preset:
        return every
    named = [preset for preset in every if _plain(options.preset) in _plain(preset.name)]
    if not named:
        names = ", ".join(preset.name for preset in every)
        raise UserError(f"--preset: got {visible_name(options.preset)}, expected one of {names}")
    return named


def _fit(preset: Preset, names: Sequence[str], options: ImportOptions) -> Columns | None:
    """The columns by a preset and the options, or None where it does not fit."""
    by_plain = {_plain(name): name for name in reversed(names)}
    (common,) = [other for other in presets() if other.name == ALL]
    identity = () if options.id == (FILENAME,) else options.id or _identity(preset, by_plain)
    roles: dict[str, str] = {}
    for role in ROLES:
        wanted = (*_several(getattr(preset, role)), *_several(getattr(common, role)))
        option = getattr(options, role, None)
        taken = {*roles.values(), *(identity if role in ("time", "x", "y", "z") else ())}
        column = option or _first(wanted, by_plain, taken)
        if column and column in names:
            roles[role] = column
    if preset.geometry and not {"x", "y"} <= roles.keys():
        if _plain(preset.geometry) not in by_plain:
            return None
        roles = {role: column for role, column in roles.items() if role not in ("x", "y", "z")}
        roles["geometry"] = by_plain[_plain(preset.geometry)]
    elif not {"x", "y"} <= roles.keys():
        return None
    if not identity and options.id != (FILENAME,):
        return None
    if any(_plain(column) not in by_plain for column in (*preset.requires, *preset.halves.values())):
        return None
    tool = preset.name not in ("id, t, x, y", DEGREES)
    own_time = roles.get("time") in _all_of(_several(preset.time), by_plain)
    if tool and not options.id and not options.time and not own_time:
        return None
    halves = {axis: by_plain[_plain(column)] for axis, column in preset.halves.items() if not getattr(options, axis)}
    (places,) = [other for other in presets() if other.name == DEGREES]
    named_so = all(roles.get(axis) in _all_of(_several(getattr(places, axis)), by_plain) for axis in ("x", "y"))
    degrees = named_so or ("geometry" in roles and preset.degrees)
    visible = by_plain[_plain(preset.visible)] if preset.visible else None
    return Columns(identity, roles, halves, degrees, visible, _guess(preset, identity, roles, options))


def _identity(preset: Preset, by_plain: dict[str, str]) -> tuple[str, ...]:
    """The columns that name a track; of a tuple of columns all that are there, and its last one must be."""
    for choice in (preset.id,) if isinstance(preset.id, str) else preset.id:
        parts = (choice,) if isinstance(choice, str) else choice
        if _plain(parts[-1]) in by_plain:
            return tuple(by_plain[_plain(part)] for part in parts if _plain(part) in by_plain)
    return ()


def _first(wanted: tuple[str, ...], by_plain: dict[str, str], taken: set[str]) -> str | None:
    columns = (by_plain.get(_plain(name)) for name in wanted)
    return next((column for column in columns if column is not None and column not in taken), None)


def _all_of(wanted: tuple[str, ...], by_plain: dict[str, str]) -> set[str]:
    return {by_plain[_plain(name)] for name in wanted if _plain(name) in by_plain}


def _several(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _plain(name: str) -> str:
    """A column's name without capitals, spaces, underscores, and a unit in brackets."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*", "", name.lower())) or name


def _guess(preset: Preset, identity: tuple[str, ...], roles: dict[str, str], options: ImportOptions) -> str:
    guessed = {role: column for role, column in roles.items() if getattr(options, role, None) != column}
    if identity and not options.id:
        guessed = {"id": " with ".join(identity)} | guessed
    listed = ", ".join(f"{role.replace('_', ' ')} {visible_name(column)}" for role, column in guessed.items())
    # Whoever names columns does not mean a tool's table.
    source = "read by the names of columns" if options.id or options.x else f"read as a table of {preset.name}"
    parts = [f"{source}: {listed}"] if guessed else []
    if "time" not in roles:
        parts.append("no column of times: points are evenly spaced, in the order of the file")
    return "; ".join(parts)
