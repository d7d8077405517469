"""The table of everything, and the same as CSV."""

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from trajprobe.compare.confidence import Estimate
from trajprobe.compare.estimates import AREA, ARROW, CODE_LENGTH, ORDER
from trajprobe.compare.metrics import METRICS
from trajprobe.page.run_results import Line, RunResults, features_shown
from trajprobe.report.numbers import percent, percent_interval

#: Numbers with an interval, by their key in the details; and numbers alone.
INTERVALS = {name: metric.title for name, metric in METRICS.items()} | {
    ORDER: "order alone",
    ARROW: "arrow of time",
    AREA: "few-label area",
}
SINGLE = {"equal_dimensions_accuracy": "equal dimensions", "permuted_labels_accuracy": "permuted labels"}


@dataclass(frozen=True)
class TableCell:
    """A cell, and what it is sorted by."""

    text: str
    key: float | str


@dataclass(frozen=True)
class ScoresTable:
    """Titles and cells; the first column is of names."""

    titles: list[str]
    rows: list[list[TableCell]]
    csv: str  #: address of all numbers as CSV
    differences: str  #: address of all differences as CSV


def table(results: RunResults) -> ScoresTable:
    """Of all lines; columns that no line has a number for are left out."""
    intervals = {key: title for key, title in INTERVALS.items() if any(key in line.numbers for line in results.lines)}
    single = {key: title for key, title in SINGLE.items() if any(key in line.numbers for line in results.lines)}
    has_bits = any(CODE_LENGTH in line.numbers for line in results.lines)
    titles = ["row", "network", "input", "features", "dimensions", *intervals.values(), *single.values()]
    rows = []
    for line in results.lines:
        cells = [_word(line.row), _word(_network(line)), _word(line.input), _word(features_shown(line.layer))]
        cells.append(_count(line.numbers.get("dimensions")))
        cells += [_interval(line.estimate(key)) for key in intervals]
        cells += [_share(line.numbers.get(key)) for key in single]
        if has_bits:
            bits = line.estimate(CODE_LENGTH)
            cells.append(TableCell(f"{bits.mean:.2f}", bits.mean) if bits else TableCell("", -1))
        rows.append(cells)
    return ScoresTable(
        [*titles, *["bits per clip"] * has_bits], rows, _address(_csv(results)), _address(_differences(results))
    )


def _network(line: Line) -> str:
    return f"{line.network}, {len(line.seeds)} seeds" if line.seeds else line.network


def _word(text: str) -> TableCell:
    return TableCell(text, text)


def _count(value: float | None) -> TableCell:
    return TableCell("", -1) if value is None else TableCell(f"{value:,}", value)


def _interval(interval: Estimate | None) -> TableCell:
    return TableCell("", -1) if interval is None else TableCell(percent_interval(interval), interval.mean)


def _share(value: float | None) -> TableCell:
    return TableCell("", -1) if value is None else TableCell(percent(value), value)


def _csv(results: RunResults) -> str:
    """All lines with all their numbers, by the names of metrics/details.json."""
    keys = [*INTERVALS, CODE_LENGTH]
    header = ["row", "network", "input", "layer", "seeds", "dimensions"]
    header += [f"{key}.{end}" for key in keys for end in Estimate._fields] + list(SINGLE)
    rows: list[list[object]] = []
    for line in results.lines:
        numbers = [value for key in keys for value in (line.estimate(key) or ("", "", ""))]
        single = [line.numbers.get(key, "") for key in SINGLE]
        own = [line.row, line.network, line.input, line.layer, len(line.seeds) or 1, line.numbers.get("dimensions", "")]
        rows.append([*own, *numbers, *single])
    return _written(header, rows)


def _differences(results: RunResults) -> str:
    header = ["difference", *Estimate._fields, "p", "verdict", "smallest_detectable"]
    rows = [
        [judged.name, *judged.difference, _or_nothing(judged.p_value), judged.verdict, _or_nothing(judged.detectable)]
        for judged in results.differences
    ]
    return _written(header, rows)


def _or_nothing(value: float | None) -> object:
    return "" if value is None else value


def _written(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def _address(text: str) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode('ascii')}"
