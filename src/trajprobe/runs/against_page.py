"""Two runs side by side, as Markdown."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import UNSET

from trajprobe.compare.metrics import METRICS
from trajprobe.compare.verdicts import POWER
from trajprobe.errors import visible_name
from trajprobe.page.words import p_words
from trajprobe.report.markdown import markdown, table_line, table_rule
from trajprobe.report.numbers import percent, percent_interval, points
from trajprobe.runs.against import RunsCompared
from trajprobe.runs.changes import Change


def against_page(runs: RunsCompared) -> str:
    """What changed, then what it made of each row, then what was not compared."""
    here, there = (markdown(run.name) for run in (runs.here, runs.there))
    lines = [f"# {here} against {there}", "", *_changed(runs), *_rows(runs)]
    if runs.left_out:
        lines += ["Not compared:", "", *_left_out(runs.left_out), ""]
    return "\n".join(lines)


def _left_out(reasons: dict[str, str]) -> Iterator[str]:
    """A line for each reason."""
    rows: dict[str, list[str]] = {}
    for row, reason in reasons.items():
        rows.setdefault(reason, []).append(row)
    for reason, names in rows.items():
        words = f"{', '.join(names)}: {reason}"
        yield f"- {markdown(words)}"


def _changed(runs: RunsCompared) -> Iterator[str]:
    if runs.parameters:
        header = ["parameter", markdown(runs.there.name), markdown(runs.here.name)]
        yield table_line(*header)
        yield table_rule(header)
        for key, values in runs.parameters.items():
            yield table_line(markdown(key), *map(_value, values))
        yield ""
    else:
        yield "No parameter differs."
        yield ""
    if runs.inputs:
        yield f"Code, data or weights that differ: {', '.join(f'`{path}`' for path in runs.inputs)}."
        yield ""


def _value(value: Any) -> str:
    """As JSON has it, in a cell; nothing where there is no such key."""
    if value is UNSET:
        return ""
    text = visible_name(json.dumps(value, default=str, ensure_ascii=False)).replace("|", r"\|")
    return f"`{text}`"


def _rows(runs: RunsCompared) -> Iterator[str]:
    tested = runs.labelling.folds >= 0
    groups = len(np.unique(runs.labelling.groups[tested]))
    changed = {change.row for change in runs.rows if change.verdict}
    same = list(dict.fromkeys(change.row for change in runs.rows if change.row not in changed))
    yield f"Data set `{runs.dataset}`: the same {int(tested.sum()):,} tested clips in {groups:,} groups."
    yield ""
    if runs.folds_differ:
        yield (
            "The folds differ. Each clip was predicted out of fold in both runs, so that clips are paired all the "
            "same; what other training clips do to a score is part of the difference."
        )
        yield ""
    if changed:
        yield from _table(runs, [change for change in runs.rows if change.row in changed])
        yield ""
    if same:
        yield f"The same predictions in both runs, so that nothing is to be tested: {markdown(', '.join(same))}."
        yield ""


def _table(runs: RunsCompared, rows: Sequence[Change]) -> Iterator[str]:
    params, here, there = runs.params, markdown(runs.here.name), markdown(runs.there.name)
    tests = sum(change.verdict is not None and not change.same_random for change in rows)
    correction = f", with Holm's correction for the {tests} differences that are tested here" * (tests > 1)
    yield (
        f"{METRICS[runs.metric].title.capitalize()} in %, gains in points, with {100 * params.confidence:g} % "
        "confidence intervals; of several seeds the mean, with the prediction interval of a new seed. Differences are "
        f"paired over clips, and over networks that both runs have. The verdict says what a row is in {here}, compared "
        f"with {there}. Better and worse are one-sided tests at {100 * params.alpha:g} %{correction}; practically "
        f"equal is within {100 * params.margin:g} points. p is one-sided, in the direction of the difference. The last "
        f"column is the smallest difference detectable with {100 * POWER:g} % power after the correction."
    )
    yield ""
    header = ["row", there, here, "difference", "p", "verdict", "smallest detectable"]
    yield table_line(*header)
    yield table_rule(header)
    for change in sorted(rows, key=lambda change: change.row != params.primary):
        yield _line(change)


def _line(change: Change) -> str:
    shown = points if change.of_gain else percent_interval
    name = f"{change.row}: gain over random weights" if change.of_gain else change.row
    scores = [shown(estimate) for estimate in (change.there, change.here)]
    if change.networks[0] != change.networks[1]:
        scores = [f"{network} {score}" for network, score in zip(change.networks, scores, strict=True)]
    if change.verdict is None:
        return table_line(name, *scores, "0", "", "the same predictions", "")
    words = change.verdict.words + ", as the row: its random networks predict the same" * change.same_random
    p_value, detectable = change.verdict.p_value, change.verdict.detectable_difference
    p_shown = "" if p_value is None else p_words(p_value).removeprefix("p ").removeprefix("= ")
    least = "" if detectable is None else percent(detectable)
    return table_line(name, *scores, points(change.verdict.difference), p_shown, words, least)
