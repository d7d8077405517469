"""Forest plots: scores and differences with their intervals, a line each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from trajprobe.compare.confidence import Estimate
from trajprobe.compare.estimates import ARROW
from trajprobe.page.graphic import SIZE, SMALL, Graphic, width
from trajprobe.page.run_results import Judged, Line, RunResults, estimate
from trajprobe.page.scales import MINUS, Label, Scale, outward, percent, point
from trajprobe.report import numbers
from trajprobe.report.numbers import percent_interval

#: The mark of each kind of line.
MARK = {"pretrained": "circle", "random": "ring", "control": "square", "perturbed": "diamond"}
MEANING = {
    "pretrained": "pretrained",
    "random": "random weights",
    "control": "control, no network",
    "perturbed": "perturbed",
}
TOP, ROW, NARROW_ROW, GAP = 34.0, 26.0, 42.0, 14.0
#: Room on both sides of a plot; how much wider bold letters are.
EDGE, BOLD = 18.0, 1.12


@dataclass(frozen=True)
class PlotLine:
    """A line of a forest plot."""

    name: str
    more: str  #: of its name, in quiet letters
    interval: Estimate
    role: str  #: of its colour
    mark: str
    value: str  #: the numbers, in words
    dots: Sequence[float] = ()
    verdict: str = ""


@dataclass(frozen=True)
class Rule:
    """A vertical line with a name."""

    at: float
    name: str


def scores(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """All lines of the results: accuracy with its interval, each seed as a dot."""
    groups: list[list[PlotLine]] = []
    before = ""
    for line in results.lines:
        group = "control" if results.rows[line.row].is_control else line.row
        if group != before:
            groups.append([])
        before = group
        groups[-1].append(_entry(line))
    rules = [Rule(results.chance, "chance")]
    if results.kinematics:
        rules.append(Rule(results.kinematics.score.mean, f"tracks ({results.kinematics.row})"))
    ends = outward(min(0.0, *(line.score.ci_low for line in results.lines)), 1.0)
    return _forest(Graphic(wide, alone=alone), groups, ends, rules, percent)


def glance(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The answer: the primary row, its random networks, and kinematics of the tracks."""
    lines = [line for line in (results.kinematics, results.main, results.baseline) if line]
    entries = [_entry(line) for number, line in enumerate(lines) if line not in lines[:number]]
    return _forest(Graphic(wide, alone=alone), [entries], (0.0, 1.0), [Rule(results.chance, "chance")], percent)


def _entry(line: Line) -> PlotLine:
    value = percent_interval(line.score)
    return PlotLine(line.row, line.what, line.score, line.kind, MARK[line.kind], value, line.seeds)


def differences(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """All differences with their intervals, the band within which they are practically equal, and their verdicts."""
    groups: dict[str, list[PlotLine]] = {}
    for judged in results.differences:
        groups.setdefault(judged.family, []).append(_difference(judged))
    intervals = [entry.interval for entries in groups.values() for entry in entries]
    ends = outward(
        min(-results.margin * 1.5, *(each.ci_low for each in intervals)),
        max(results.margin * 1.5, *(each.ci_high for each in intervals)),
    )
    graphic = Graphic(wide, alone=alone)
    return _forest(graphic, list(groups.values()), ends, [Rule(0.0, "no difference")], point, results.margin)


def _difference(judged: Judged) -> PlotLine:
    first, _, more = judged.name.partition(": ")
    if not more:
        first, minus, second = judged.name.partition(" minus ")
        more = f"{minus.strip()} {second}"
    return PlotLine(
        first, more, judged.difference, judged.role, _mark(judged), points(judged.difference), (), judged.verdict
    )


def _mark(judged: Judged) -> str:
    return {"better": "circle", "worse": "diamond"}.get(judged.verdict, "ring")


def points(difference: Estimate) -> str:
    """A difference in points, with its interval and real minus signs."""
    return numbers.points(difference).replace("-", MINUS)


def attentive(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The attentive probes, each with its verdict on its gain where it has one."""
    entries = []
    for line in results.attentive:
        gain = line.numbers.get("gain")
        entries.append(replace(_entry(line), verdict=Judged("", "gain", gain).verdict if gain else ""))
    rules = [Rule(results.chance, "chance")]
    ends = outward(min(0.0, *(entry.interval.ci_low for entry in entries)), 1.0)
    return _forest(Graphic(wide, alone=alone), [entries], ends, rules, percent)


def arrows(results: RunResults, wide: float, *, alone: bool = False) -> Graphic:
    """The arrow of time of all lines that have one."""
    entries = []
    for line, judged in arrow_lines(results):
        interval = estimate(line.numbers[ARROW])
        value = percent_interval(interval)
        entries.append(
            PlotLine(line.row, line.what, interval, line.kind, MARK[line.kind], value, (), against_chance(judged))
        )
    low = min(0.4, *(entry.interval.ci_low for entry in entries))
    high = max(0.6, *(entry.interval.ci_high for entry in entries))
    return _forest(
        Graphic(wide, alone=alone), [entries], outward(low, high), [Rule(0.5, "chance")], percent, results.margin, 0.5
    )


def arrow_lines(results: RunResults) -> list[tuple[Line, Judged]]:
    """The lines that have an arrow of time, with the verdict on it against chance."""
    lines = ((line, line.numbers.get(ARROW, {}).get("minus_chance")) for line in results.lines)
    return [(line, Judged(line.name, "arrow", verdict)) for line, verdict in lines if verdict]


def against_chance(judged: Judged) -> str:
    """The verdict on a share against one half."""
    words = {"better": "above chance", "worse": "below chance", "practically equal": "at chance"}
    return words.get(judged.verdict, judged.verdict)


def _forest(
    graphic: Graphic,
    groups: Sequence[Sequence[PlotLine]],
    ends: tuple[float, float],
    rules: Sequence[Rule],
    label: Label,
    margin: float = 0.0,
    centre: float = 0.0,
) -> Graphic:
    entries = [entry for group in groups for entry in group]
    columns = _Columns.of(graphic, entries)
    scale = Scale(*ends, columns.plot, columns.value - 16 if columns.value else graphic.wide - EDGE)
    rows = list(_rows(groups, narrow=graphic.is_narrow))
    bottom = rows[-1].middle + 16
    if margin:
        left, right = scale(centre - margin), scale(centre + margin)
        graphic.rect(left, TOP - 4, right - left, bottom - TOP + 4, "band")
    for tick in scale.ticks(4 if graphic.is_narrow else 6):
        graphic.line(scale(tick), TOP - 4, scale(tick), bottom, "grid")
        graphic.text(scale(tick), bottom + 15, label(tick), "quiet", anchor="middle", size=SMALL)
    _rules(graphic, scale, rules, bottom)
    for row in rows:
        _words(graphic, columns, row)
        _marks(graphic, scale, row)
    graphic.high = bottom + 24
    return graphic


@dataclass(frozen=True)
class _Columns:
    """Where the columns begin; on phones names and values stand above the plot, which has all of the width."""

    more: float
    plot: float
    value: float
    verdict: float
    has_verdicts: bool = False

    @property
    def value_end(self) -> float:
        """Where values end: before the verdicts, if there are such."""
        return self.verdict - (14 if self.has_verdicts else 0)

    @classmethod
    def of(cls, graphic: Graphic, entries: Sequence[PlotLine]) -> "_Columns":
        if graphic.is_narrow:
            return cls(0, EDGE, 0, 0)
        most = graphic.wide * 0.46
        more = max((_width(entry.more) for entry in entries if entry.more), default=0.0)
        names = max((_width(entry.name) * BOLD for entry in entries if entry.more), default=0.0) + 10
        names = min(names, most - more) if more else 0.0
        alone = max((_width(entry.name) for entry in entries if not entry.more), default=0.0)
        plot = min(max(names + more, alone), most) + EDGE
        verdicts = max(width(entry.verdict) * BOLD for entry in entries)
        verdict = graphic.wide - verdicts
        values = max(_width(entry.value) for entry in entries)
        return cls(names, plot, verdict - values - (14 if verdicts else 0), verdict, verdicts > 0)


@dataclass(frozen=True)
class _Placed:
    """A line of the plot, placed."""

    entry: PlotLine
    is_first: bool  #: of its name
    baseline: float  #: of its words
    middle: float  #: of its marks


def _rows(groups: Sequence[Sequence[PlotLine]], *, narrow: bool) -> Iterator[_Placed]:
    y = TOP
    for group in groups:
        before = ""
        for entry in group:
            is_first = entry.name != before
            before = entry.name
            if narrow:
                y += 17 if is_first and entry.more else 0
                middle = y + (43 if entry.verdict else 27)
                yield _Placed(entry, is_first, y + 12, middle)
                y = middle + NARROW_ROW - 27
            else:
                yield _Placed(entry, is_first, y + ROW / 2 + 4, y + ROW / 2)
                y += ROW
        y += GAP


def _rules(graphic: Graphic, scale: Scale, rules: Sequence[Rule], bottom: float) -> None:
    """Dashed lines, with their names above them, side by side."""
    taken = -1e9
    for rule in sorted(rules, key=lambda rule: rule.at):
        x, room = scale.within(rule.at), width(rule.name, SMALL)
        graphic.line(x, TOP - 10, x, bottom, "quiet", stroke_dasharray="3 3")
        left = max(min(max(x - room / 2, 0), graphic.wide - room), taken + 10)
        graphic.text(left, TOP - 16, rule.name, "quiet", size=SMALL)
        taken = left + room


def _words(graphic: Graphic, columns: _Columns, row: _Placed) -> None:
    entry, y = row.entry, row.baseline
    if graphic.is_narrow:
        room = graphic.wide - (0 if entry.verdict else _width(entry.value, SMALL) + 12)
        if entry.more and row.is_first:
            graphic.text(0, y - 17, entry.name, bold=True, room=graphic.wide, halo=True)
        graphic.text(0, y, entry.more or entry.name, "quiet" if entry.more else "ink", room=room, halo=True)
        if entry.verdict:
            graphic.text(0, y + 16, entry.value, size=SMALL, halo=True)
            left = _width(entry.value, SMALL) + 8
            graphic.text(left, y + 16, entry.verdict, entry.role, bold=_is_firm(entry), size=SMALL, halo=True)
        else:
            graphic.text(graphic.wide, y, entry.value, anchor="end", size=SMALL, halo=True)
        return
    if entry.more:
        if row.is_first:
            graphic.text(0, y, entry.name, bold=True, room=columns.more - 8)
        graphic.text(columns.more, y, entry.more, "quiet", room=columns.plot - columns.more - 12)
    else:
        graphic.text(0, y, entry.name, room=columns.plot - 12)
    graphic.text(columns.value_end, y, entry.value, anchor="end")
    if entry.verdict:
        graphic.text(columns.verdict, y, entry.verdict, entry.role, bold=_is_firm(entry))


def _marks(graphic: Graphic, scale: Scale, row: _Placed) -> None:
    entry, y = row.entry, row.middle
    mean, low, high = entry.interval
    about = f"{entry.name} {entry.more}".strip() + f": {_value(entry)}"
    graphic.line(scale.within(low), y, scale.within(high), y, entry.role, 2.2, stroke_linecap="round")
    graphic.mark(scale.within(mean), y, entry.mark, entry.role, 4.5, about)
    for dot in entry.dots:
        graphic.add("circle", f"f-{entry.role}", cx=scale.within(dot), cy=y + 8, r=1.7)


def _is_firm(entry: PlotLine) -> bool:
    return entry.verdict in ("better", "worse")


def _value(entry: PlotLine) -> str:
    return f"{entry.value}  {entry.verdict}" if entry.verdict else entry.value


def _width(text: str, size: float = SIZE) -> float:
    return width(text, size) + 2
