"""Format ts: .ts files of the UEA and UCR archives of time series (Bagnall et al. 2018, arXiv:1811.00075).

Lines that begin with @ describe the set; below @data each line is a case: its dimensions and its class, with
colons between. A dimension is `1.5,2,?`, or with time stamps `(0,1.5),(1,2)`. Dimensions are coordinates: two or
three of them. Files whose names end in _TRAIN and _TEST are the two parts of one set.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable
from trajprobe.importers.track_list import instants, point_table

ENDINGS = (".ts",)
OPTIONS = ("x", "y", "z")
COLON = re.compile(r":(?![^()]*\))")  #: a date in parentheses has others
STAMPED = re.compile(r"\(([^(),]*),([^(),]*)\)")


def read(path: Path, options: ImportOptions) -> PointTable:
    """The cases of a file as tracks, named by their number from 0.

    Raises:
        UserError: it is no such file, or its dimensions are no coordinates.
    """
    header, cases = _parts(path)
    labelled = header.get("classlabel", "false").lower().startswith("true")
    tracks, times, labels = [], [], []
    for line, case in cases:
        where = f"{path}, line {line}"
        dimensions = COLON.split(case)
        if labelled:
            labels.append(dimensions.pop().strip())
        chosen = [dimensions[axis].strip() for axis in _axes(len(dimensions), options, where)]
        stamps, columns = zip(*(_dimension(text, where) for text in chosen), strict=True)
        if len({len(column) for column in columns}) > 1 or any(stamp != stamps[0] for stamp in stamps):
            raise UserError(
                f"{where}: got dimensions of other lengths or times, expected a point a time; resample them"
            )
        tracks.append(np.stack(columns, axis=1))
        times.append(stamps[0])
    if not tracks:
        raise UserError(f"{path}: got no case below @data, expected a line each; is the file complete?")
    stamped = [_times(stamps, path) for stamps in times] if any(times) else None
    part = next((part for part in ("train", "test") if path.stem.lower().endswith(f"_{part}")), None)
    return point_table(
        tracks,
        [str(number) for number in range(len(tracks))],
        stamped,
        labels=np.array(labels) if labelled else None,
        split=np.full(len(tracks), part) if part else None,
        guesses=("the split is that of the files' names, _TRAIN and _TEST",) if part else (),
    )


def _parts(path: Path) -> tuple[dict[str, str], Iterator[tuple[int, str]]]:
    """What the lines with @ say, by their first word in small letters; and each case with the number of its line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path}: is no text, so no .ts file of the UEA archive; a video has no tracks yet") from None
    header: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        word, _, rest = line.strip().removeprefix("@").partition(" ")
        if not line.startswith("@"):
            continue
        if word.lower() == "data":
            below = ((at, text.strip()) for at, text in enumerate(lines[number:], number + 1))
            return header, ((at, text) for at, text in below if text and not text.startswith("#"))
        header[word.lower()] = rest.strip()
    raise UserError(f"{path}: has no line @data, so it is no .ts file of the UEA archive")


def _axes(count: int, options: ImportOptions, where: str) -> list[int]:
    """Which dimensions are x, y and, where there is one, z."""
    named = [number for number in (options.x, options.y, options.z) if number is not None]
    axes = [int(number) if number.isdecimal() else -1 for number in named] if len(named) > 1 else list(range(count))
    if len(axes) not in (2, 3) or not all(0 <= axis < count for axis in axes):
        raise UserError(
            f"{where}: got {count} dimension{'s' * (count != 1)}, expected 2 or 3 coordinates; name theirs, from 0: "
            "--x 0 --y 1"
        )
    return axes


def _dimension(text: str, where: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The time stamps, as they stand there, and the values (t) of a dimension; no stamps where points have none."""
    pairs = STAMPED.findall(text) if text.startswith("(") else None
    stamps, values = zip(*pairs, strict=True) if pairs else ((), text.split(","))
    try:
        return stamps, np.array([np.nan if value.strip() == "?" else float(value) for value in values])
    except ValueError:
        raise UserError(f"{where}: got {visible_name(text)}, expected numbers, ? where one is missing") from None


def _times(stamps: tuple[str, ...], path: Path) -> NDArray[np.float64] | NDArray[np.datetime64]:
    try:
        return np.array([float(stamp) for stamp in stamps])
    except ValueError:
        return instants(stamps, path)
