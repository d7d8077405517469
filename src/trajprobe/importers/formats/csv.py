"""Text tables with a line a point: separated by commas, semicolons, tabs, bars or spaces."""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from trajprobe.errors import UserError, visible, visible_name
from trajprobe.files import memory
from trajprobe.files.reading import check_file
from trajprobe.importers import presets, table_file
from trajprobe.importers.chunked import ROWS, Chunked, chunked
from trajprobe.importers.options import TABLE, ImportOptions
from trajprobe.importers.point_table import PointTable

ENDINGS = tuple(f"{ending}{packed}" for ending in (".csv", ".tsv", ".tab", ".txt", ".dat") for packed in ("", ".gz"))
OPTIONS = TABLE
#: In this order; where the header line has none of them, spaces separate.
SEPARATORS = "\t;,|"
#: What stands for a missing number.
NO_NUMBER = ["", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "-", "."]
#: Bytes that are looked at for the header line, and lines.
START, LINES = 2**16, 8
#: Memory that a table takes at most, as a multiple of the file's size; packed files unpack to this multiple as a rule.
TABLE_MEMORY, UNPACKED = 4, 10
#: Marks of text in other encodings than UTF-8.
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(frozen=True)
class _Layout:
    """How a text table is written."""

    names: tuple[str, ...]
    skipped: int  #: lines before the first point
    separator: str
    decimal: str
    encoding: str


def read(path: Path, options: ImportOptions) -> PointTable:
    """The tracks of a text table.

    Raises:
        UserError: it is no table, or its columns do not fit.
    """
    return table_file.read(opened(path, options), path, options)


def opened(path: Path, options: ImportOptions) -> table_file.TableFile:
    """The file; columns that are no numbers are texts, empty where there is none.

    Raises:
        UserError: it is no table; so does reading from it.
    """
    layout = _layout(path, options)

    def load(names: Sequence[str], numbers: Collection[str]) -> Chunked:
        texts = [name for name in names if name not in numbers]
        return _columns(path, layout, names, dict.fromkeys(texts, "str"), dict.fromkeys(numbers, NO_NUMBER))

    return table_file.TableFile(list(layout.names), load)


def _columns(
    path: Path, layout: _Layout, names: Sequence[str], types: dict[str, str], empty: dict[str, list[str]]
) -> Chunked:
    packed = path.name.lower().endswith(".gz")
    memory.require(
        path.stat().st_size * TABLE_MEMORY * (UNPACKED if packed else 1), str(path), "take fewer columns or rows"
    )
    try:
        with pd.read_csv(
            path,
            sep=layout.separator,
            decimal=layout.decimal,
            encoding=layout.encoding,
            names=list(layout.names),
            header=None,
            skiprows=layout.skipped,
            keep_default_na=False,
            low_memory=False,
            chunksize=ROWS,
            dtype=types,
            na_values=empty,
        ) as frames:
            return chunked((_checked(frame, path, layout) for frame in frames), names, list(empty))
    except UnicodeDecodeError:
        raise UserError(f"{path}: {_no_text(layout.encoding)}") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path}: got no line of data below the header") from None
    except (UserError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (the parser raises anything at the bytes of an untrusted file)
        reason = visible(error, 300).removeprefix("Error tokenizing data. C error: ")
        raise UserError(
            f"{path}: is no table as its first lines say ({reason}); correct that line, or save it again"
        ) from None


def _checked(frame: pd.DataFrame, path: Path, layout: _Layout) -> pd.DataFrame:
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes fields too many for the names of rows
        raise UserError(f"{path}: {_longer(layout)}")
    return frame


def _layout(path: Path, options: ImportOptions) -> _Layout:
    """The names of the columns and how they are separated, by the first lines."""
    lines, encoding = _first_lines(path)
    comments = next((number for number, line in enumerate(lines) if not line.startswith(("#", "%"))), len(lines))
    lines_of_data = lines[comments:]
    if not any(map(str.strip, lines_of_data)):
        raise UserError(f"{path}: got no line of data, expected a header line and a line for each point")
    first = next(filter(str.strip, lines_of_data))
    separator = next((mark for mark in SEPARATORS if mark in first), r"\s+")
    rows = [_fields(line, separator) for line in lines_of_data[:LINES] if line.strip()]
    decimal = (
        "," if separator != "," and any("," in field and _number(field, ",") for row in rows for field in row) else "."
    )
    header = rows[0]

    def is_number(field: str) -> bool:
        return field != "" and _number(field, decimal)

    if header[0] == "scorer":
        raise UserError(
            f"{path}: has the header lines of poses; `--format poses --preset DeepLabCut` reads it, or LightningPose"
        )
    skipped = comments
    # numpy.savetxt, and AIS, write the header line as a comment.
    noted = _fields(lines[comments - 1].lstrip("#% "), separator) if comments else []
    noted = noted if len(noted) == len(header) else []
    if noted and any(map(is_number, header)) and not any(map(is_number, noted)):
        names = tuple(noted)
    elif all(_number(field, decimal) for field in header) and options.format == "wide":
        names = ("",) * len(header)
    elif all(_number(field, decimal) for field in header):
        names = presets.without_header(len(header), options, path)
    else:
        skipped += 1
        names = tuple(header)
        worded = [not any(_number(field, decimal) for field in row) for row in rows[1:]]
        most = presets.text_rows(names, options)
        skipped += next((number for number, words in enumerate(worded[:most]) if not words), min(most, len(worded)))
    repeated = [name for name in names if names.count(name) > 1 and name]
    if repeated:
        raise UserError(f"{path}: column {visible_name(repeated[0])} stands twice in the header line; rename one")
    if all(len(row) == len(names) + 1 and not row[-1] for row in rows[1:]):  # each line ends with a separator
        names = (*names, "")
    names = tuple(name or f"column {number}" for number, name in enumerate(names, 1))
    layout = _Layout(names, skipped, separator, decimal, encoding)
    if any(len(row) > len(names) for row in rows):
        raise UserError(f"{path}: {_longer(layout)}")
    return layout


def _longer(layout: _Layout) -> str:
    return (
        f"lines have more fields than the {len(layout.names)} columns of the header line; put text that holds a "
        "separator in quotes, or complete the header line"
    )


def _first_lines(path: Path) -> tuple[list[str], str]:
    """The first lines of a file, and its encoding."""
    check_file(path, "no such file")
    packed = path.name.lower().endswith(".gz")
    try:
        if packed:
            import gzip

            with gzip.open(path) as file:
                start = file.read(START)
        else:
            with path.open("rb") as file:
                start = file.read(START)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({visible(error, 200)}); copy or save it again") from None
    encoding = next((name for mark, name in ENCODINGS.items() if start.startswith(mark)), "utf-8")
    text = start.decode(encoding, "ignore" if len(start) == START else "replace")
    if "\ufffd" in text or "\0" in text:
        raise UserError(f"{path}: {_no_text(encoding)}")
    lines = text.splitlines()
    if len(start) == START and len(lines) > 1:
        lines = lines[:-1]  # cut off
    return lines, encoding


def _no_text(encoding: str) -> str:
    return f"is no {encoding.upper().removesuffix('-SIG')} text; save it as UTF-8 (`iconv -f LATIN1 -t UTF-8`, say)"


def _fields(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]


def _number(text: str, decimal: str) -> bool:
    """Whether a field is a number, or empty."""
    try:
        float(text.replace(decimal, ".") or 0)
    except ValueError:
        return False
    return True
