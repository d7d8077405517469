"""The map of layers and poolings of a row: one panel a network or input, a row a layer, a column a pooling."""

import numpy as np

from trajprobe.page.confusion import shade_cells
from trajprobe.page.graphic import SMALL, Graphic, width
from trajprobe.page.run_results import Line, RunResults

#: Height of a cell, of what stands above a panel's cells, and the gap below it, in pixels; the widest column.
CELL, HEAD, GAP, COLUMN = 30.0, 40.0, 26.0, 96.0


def rows_with_layers(results: RunResults) -> list[str]:
    """Rows that have several layers or poolings."""
    return list(dict.fromkeys(line.row for line in results.layers))


def layer_map(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The score of each layer with each pooling; a ring says that folds chose it, inside train."""
    graphic = Graphic(wide, alone=alone)
    y = 0.0
    for row in rows_with_layers(results):
        lines = [line for line in results.layers if line.row == row]
        layers = list(dict.fromkeys(_parts(line)[0] for line in lines))
        poolings = list(dict.fromkeys(_parts(line)[1] for line in lines))
        if len(rows_with_layers(results)) > 1:
            graphic.text(0, y + 14, row, bold=True, room=wide)
            y += 24
        kinds = list(dict.fromkeys((line.network, line.input) for line in lines))
        left = min(max(width(layer) for layer in layers) + 14, wide * 0.3)
        columns = max(1, min(len(kinds), int((wide - left) // (len(poolings) * 56))))
        size = min((wide - left - (columns - 1) * 18) / (columns * len(poolings)), COLUMN)
        for number, kind in enumerate(kinds):
            x = left + number % columns * (size * len(poolings) + 18)
            of_kind = {_parts(line): line for line in lines if (line.network, line.input) == kind}
            chosen = next(line for line in results.lines if (line.row, line.network, line.input) == (row, *kind))
            _panel(graphic, (x, y), size, layers, poolings, of_kind, chosen)
            if number % columns == 0:
                for place, layer in enumerate(layers):
                    middle = y + HEAD + (place + 0.5) * CELL + 4
                    graphic.text(left - 8, middle, layer, anchor="end", room=left - 10)
            if number % columns == columns - 1 or number == len(kinds) - 1:
                y += HEAD + len(layers) * CELL + GAP
    graphic.high = y
    return graphic


def _panel(
    graphic: Graphic,
    corner: tuple[float, float],
    size: float,
    layers: list[str],
    poolings: list[str],
    lines: dict[tuple[str, str], Line],
    chosen: Line,
) -> None:
    left, top = corner[0], corner[1] + HEAD
    graphic.text(left, corner[1] + 14, chosen.what, bold=True, room=size * len(poolings))
    shares = np.array(
        [[line.score.mean if (line := lines.get((layer, pooling))) else np.nan for pooling in poolings]
         for layer in layers]
    )  # fmt: skip
    graphic.rect(left, top, size * len(poolings), CELL * len(layers), "card")
    shade_cells(graphic, shares, (left, top), (size, CELL))
    folds = chosen.numbers.get("folds_that_chose", {})
    for column, pooling in enumerate(poolings):
        x = left + (column + 0.5) * size
        graphic.text(x, top - 8, pooling, "quiet", anchor="middle", size=SMALL, room=size - 4)
        for row, layer in enumerate(layers):
            if (layer, pooling) not in lines:
                continue
            y, score = top + row * CELL, lines[layer, pooling].score.mean
            count = folds.get(f"{layer}.{pooling}", 0)
            graphic.text(x, y + CELL / 2 + 4, f"{100 * score:.1f}", anchor="middle", bold=bool(count))
            if count:
                title = f"{layer}, {pooling}: {100 * score:.1f} %, chosen by {count} folds"
                graphic.add(
                    "rect", "s-ink", title, x=left + column * size + 2, y=y + 2, width=size - 4, height=CELL - 4,
                    rx=4, fill="none",
                )  # fmt: skip


def _parts(line: Line) -> tuple[str, str]:
    """Layer and pooling."""
    layer, _, pooling = line.layer.rpartition(".")
    return layer, pooling
