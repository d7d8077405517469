"""Curves: accuracy from few labels, and the loss of pretraining."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trajprobe.compare.robustness import ROBUSTNESS
from trajprobe.files.feature_shards import level_of
from trajprobe.page.graphic import SMALL, Graphic, width
from trajprobe.page.run_results import Line, RunResults, estimate
from trajprobe.page.scales import Label, Scale, outward, percent, spread

PRETRAINING = Path("metrics/pretrain")
TOP, HIGH, BELOW = 14.0, 300.0, 40.0
#: Curves that are named at their end, at most.
NAMED = 14
POINTS = 200  #: of a curve


@dataclass(frozen=True)
class Curve:
    """A curve, with a band where there are several networks."""

    name: str
    role: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()  #: low and high at each point
    is_main: bool = False
    dashed: bool = False


def few_shot_curves(results: RunResults) -> list[Curve]:
    """Accuracy from 1, 2, 4, ... labelled clips a class, of all lines that have it; the primary row's stand out."""
    curves = []
    for line in results.lines:
        if not (shares := line.numbers.get("few_shot")):
            continue
        shots = sorted(int(key.removeprefix("shots_")) for key in shares)
        ends = line.numbers.get("few_shot_range", {})
        curves.append(
            Curve(
                name=_short(line),
                role=line.kind,
                points=[(shot, shares[f"shots_{shot}"]) for shot in shots],
                band=[(ends[f"shots_{shot}"]["low"], ends[f"shots_{shot}"]["high"]) for shot in shots] if ends else (),
                is_main=line.row == results.primary,
                dashed=line.kind == "random",
            )
        )
    return curves


def _short(line: Line) -> str:
    """A name without the number of seeds, which the forest plot has."""
    what = {"control": [], "perturbed": [line.what]}.get(line.kind, [line.network])
    return " ".join([line.row, *what])


def few_shot(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The curves over the number of labels, on a scale where each step doubles it."""
    curves = few_shot_curves(results)
    graphic = Graphic(wide, alone=alone)
    shots = [x for x, _ in curves[0].points]
    ends = outward(0.0, max(high for curve in curves for high in (y for _, y in curve.points)))
    logs = [
        Curve(c.name, c.role, [(math.log2(x), y) for x, y in c.points], c.band, c.is_main, c.dashed) for c in curves
    ]
    ticks = [(math.log2(shot), f"{shot:g}") for shot in shots]
    _draw(
        graphic,
        logs,
        (0.0, math.log2(shots[-1]) or 1.0),
        ends,
        ticks,
        percent,
        "labelled clips a class",
        results.chance,
    )
    return graphic


def robustness_curves(results: RunResults) -> list[Curve]:
    """The score over levels of clutter: of the probe of plain clips with its interval, and of a probe at each level."""
    curves = []
    for line in results.lines:
        kinds = line.numbers.get(ROBUSTNESS, {})
        for key in ("from_plain", "fitted") if kinds else ():
            of = kinds[key]
            levels = {level_of(shown) or 0.0: estimate(of[shown]) for shown in of if shown not in ("area", "gain")}
            points = sorted(levels.items())
            is_fitted = key == "fitted"
            curves.append(
                Curve(
                    name=_short(line) + ", fitted" * is_fitted,
                    role=line.kind,
                    points=[(level, score.mean) for level, score in points],
                    band=() if is_fitted else [(score.ci_low, score.ci_high) for _, score in points],
                    is_main=line.row == results.primary and not is_fitted,
                    dashed=is_fitted,
                )
            )
    return curves


def robustness(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The curves over the level of clutter."""
    curves = robustness_curves(results)
    graphic = Graphic(wide, alone=alone)
    levels = sorted({x for curve in curves for x, _ in curve.points})
    ends = outward(0.0, max(high for curve in curves for high in (y for _, y in curve.points)))
    ticks = [(level, f"{level:g}") for level in levels]
    _draw(graphic, curves, (0.0, levels[-1]), ends, ticks, percent, "level of clutter", results.chance)
    return graphic


def pretraining_curves(recipes: Sequence[str]) -> list[Curve]:
    """The loss of each recipe of `pretrain` over its steps."""
    curves = []
    for number, recipe in enumerate(recipes):
        path = PRETRAINING / f"{recipe}.csv"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8") as file:
            rows = [(float(row["step"]), float(row["total"])) for row in csv.DictReader(file)]
        thin = max(1, len(rows) // POINTS)
        points = [row for index, row in enumerate(rows) if index % thin == 0 or index == len(rows) - 1]
        curves.append(Curve(recipe, f"class-{number % 10}", points, is_main=True, dashed=number > 0))
    return curves


def pretraining(curves: Sequence[Curve], wide: float, *, alone: bool = False) -> Graphic:
    """The loss over the steps."""
    graphic = Graphic(wide, alone=alone)
    values = [y for curve in curves for _, y in curve.points]
    last = max(x for curve in curves for x, _ in curve.points)
    across = Scale(0, last or 1, 0, 1)
    ticks = [(tick, f"{tick:,.0f}") for tick in across.ticks(5)]
    _draw(
        graphic,
        curves,
        (0.0, last or 1),
        outward(min(0, *values), max(values)),
        ticks,
        lambda y: f"{y:g}",
        "steps of training",
    )
    return graphic


def _draw(
    graphic: Graphic,
    curves: Sequence[Curve],
    across: tuple[float, float],
    upward: tuple[float, float],
    ticks: Sequence[tuple[float, str]],
    label: Label,
    title: str,
    chance: float | None = None,
) -> None:
    named = sorted(curves, key=lambda curve: (not curve.is_main, -curve.points[-1][1]))[:NAMED]
    names = [(curve.points[-1][1], curve.name, curve) for curve in named]
    if chance is not None:
        names.append((chance, "chance", Curve("chance", "quiet", [(across[1], chance)])))
    beside = 0.0
    if not graphic.is_narrow:
        beside = min(max(width(name, SMALL) * 1.12 for _, name, _ in names) + 14, graphic.wide * 0.34)
    x = Scale(*across, 42, graphic.wide - beside - 8)
    y = Scale(*upward, TOP + HIGH, TOP)
    for tick in y.ticks(6):
        graphic.line(x.start, y(tick), x.end, y(tick), "grid")
        graphic.text(x.start - 8, y(tick) + 4, label(round(tick, 9)), "quiet", anchor="end", size=SMALL)
    for at, words in ticks:
        graphic.text(x(at), TOP + HIGH + 18, words, "quiet", anchor="middle", size=SMALL)
    graphic.text((x.start + x.end) / 2, TOP + HIGH + 34, title, "quiet", anchor="middle", size=SMALL)
    if chance is not None:
        graphic.line(x.start, y.within(chance), x.end, y.within(chance), "quiet", stroke_dasharray="1 3")
    for curve in sorted(curves, key=lambda curve: curve.is_main):
        _curve(graphic, curve, x, y, 1.0 if curve.is_main or len(curves) <= NAMED + 2 else 0.35)
    graphic.high = TOP + HIGH + BELOW
    if graphic.is_narrow:
        _legend(graphic, [curve for _, _, curve in names])
        return
    ends = [y.within(value) for value, _, _ in names]
    for (_, name, curve), end, place in zip(names, ends, spread(ends, 14, TOP, TOP + HIGH), strict=True):
        graphic.line(x.end + 1, end, x.end + 10, place, curve.role, 0.8)
        graphic.text(x.end + 13, place + 4, name, _ink(curve), bold=curve.is_main, size=SMALL, room=beside - 6)


def _curve(graphic: Graphic, curve: Curve, x: Scale, y: Scale, opacity: float) -> None:
    if curve.band and opacity == 1:
        ends = [
            (x(at), y.within(low), y.within(high))
            for (at, _), (low, high) in zip(curve.points, curve.band, strict=True)
        ]
        outline = [(at, high) for at, _, high in ends] + [(at, low) for at, low, _ in reversed(ends)]
        graphic.area(outline, curve.role, 0.22 if curve.is_main else 0.1)
    more = {"stroke_dasharray": "5 3"} if curve.dashed else {}
    more |= {"stroke_opacity": f"{opacity:g}"} if opacity < 1 else {}
    places = [(x(at), y.within(value)) for at, value in curve.points]
    graphic.polyline(places, curve.role, 2.6 if curve.is_main else 1.2, **more)


def _legend(graphic: Graphic, curves: Sequence[Curve]) -> None:
    """Below the plot, a line each, from the best down."""
    for curve in sorted(curves, key=lambda curve: -curve.points[-1][1]):
        graphic.high += 18
        y = graphic.high - 8
        dashes = {"stroke_dasharray": "1 3" if curve.name == "chance" else "5 3" if curve.dashed else "none"}
        graphic.line(0, y - 4, 24, y - 4, curve.role, 2.6 if curve.is_main else 1.2, **dashes)
        graphic.text(32, y, curve.name, _ink(curve), bold=curve.is_main, size=SMALL, room=graphic.wide - 34)


def _ink(curve: Curve) -> str:
    """The colours of classes are for marks: as letters they would be too pale."""
    return "ink" if curve.role.startswith("class") else curve.role
