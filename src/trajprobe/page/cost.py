"""Accuracy against arithmetic: a mark a network, over GFLOP of one clip."""

import math

from trajprobe.page.forest import MARK
from trajprobe.page.graphic import SMALL, Graphic, width
from trajprobe.page.run_results import Line, RunResults
from trajprobe.page.scales import Scale, outward, percent, spread

TOP, HIGH = 14.0, 280.0


def lines_with_cost(results: RunResults) -> list[tuple[Line, float]]:
    """The unperturbed lines of networks, with GFLOP a clip."""
    return [(line, line.numbers["gflop"]) for line in results.lines if "gflop" in line.numbers]


def cost(results: RunResults, lines: list[tuple[Line, float]], wide: float, *, alone: bool = False) -> Graphic:
    """Up and to the left is better."""
    graphic = Graphic(wide, alone=alone)
    logs = [math.log10(gflop) for _, gflop in lines]
    low, high = math.floor(min(logs) - 0.1), math.ceil(max(logs) + 0.1)
    x = Scale(low, high, 44, graphic.wide - 16)
    y = Scale(*outward(0.0, max(line.score.mean for line, _ in lines)), TOP + HIGH, TOP)
    for tick in y.ticks(6):
        graphic.line(x.start, y(tick), x.end, y(tick), "grid")
        graphic.text(x.start - 8, y(tick) + 4, percent(tick), "quiet", anchor="end", size=SMALL)
    for power in range(low, high + 1):
        graphic.line(x(power), TOP, x(power), TOP + HIGH, "grid")
        graphic.text(x(power), TOP + HIGH + 18, f"{10.0**power:g}", "quiet", anchor="middle", size=SMALL)
    graphic.text((x.start + x.end) / 2, TOP + HIGH + 34, "GFLOP a clip", "quiet", anchor="middle", size=SMALL)
    graphic.line(x.start, y.within(results.chance), x.end, y.within(results.chance), "quiet", stroke_dasharray="3 3")
    graphic.text(x.end, y.within(results.chance) - 4, "chance", "quiet", anchor="end", size=SMALL)
    _names(graphic, lines, x, y)
    for line, gflop in lines:
        about = f"{line.name}: {percent(line.score.mean)}, {gflop:.2g} GFLOP a clip"
        graphic.mark(x(math.log10(gflop)), y.within(line.score.mean), MARK[line.kind], line.kind, 5.5, about)
    graphic.high = TOP + HIGH + 42
    return graphic


def _names(graphic: Graphic, lines: list[tuple[Line, float]], x: Scale, y: Scale) -> None:
    """Beside the marks, on the side that has more room; those of one cost one below the other."""
    columns: dict[float, list[Line]] = {}
    for line, gflop in lines:
        columns.setdefault(round(x(math.log10(gflop)), 0), []).append(line)
    for at, column in columns.items():
        is_left = at > (x.start + x.end) / 2
        room = at - x.start - 14 if is_left else x.end - at - 14
        column = column[: int(HIGH / 15) - 1]  # in the order of the lines: the primary row, then the best
        places = spread([y.within(line.score.mean) for line in column], 15, TOP + 4, TOP + HIGH - 4)
        for line, place in zip(column, places, strict=True):
            words = f"{line.row} {line.network}"
            shown = min(room, width(words, SMALL) + 2)
            graphic.text(
                at + (-12 if is_left else 12),
                place + 4,
                words,
                line.kind,
                anchor="end" if is_left else "start",
                size=SMALL,
                room=shown,
                halo=True,
            )
