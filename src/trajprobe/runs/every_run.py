"""All runs that git has in one table: branches, tags, experiments and the working tree, a line each.

Of a row that was run on several data sets, the mean gain has an interval over these: data sets are the sample then.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from trajprobe.compare.comparison import Compare
from trajprobe.compare.confidence import Estimate, StudentDistribution, confidence_interval
from trajprobe.errors import UserError
from trajprobe.params import read, section
from trajprobe.report.markdown import markdown, table_line, table_rule
from trajprobe.report.numbers import percent, percent_interval, points
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.runs.git_revisions import WORKSPACE, named_commits, text_at
from trajprobe.runs.recorded_run import SUMMARY, RecordedRun, probe_stage, recorded_run, run_of_commit, value_at

#: Fewer data sets say too little of how gains differ among them.
FEWEST_DATA_SETS = 3
VERDICTS = {1: "better", -1: "worse", 0: "neither better nor worse"}


class Number(msgspec.Struct):
    """A number of metrics/summary.json."""

    mean: float
    ci_low: float = float("nan")
    ci_high: float = float("nan")

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.mean, self.ci_low, self.ci_high)


class Headline(msgspec.Struct):
    """What metrics/summary.json has of the primary row, as far as a line shows it."""

    accuracy: Number | None = None
    balanced_accuracy: Number | None = None
    random: Number | None = None
    gain: Number | None = None
    verdict: int | None = None  #: on the gain


class _Summary(msgspec.Struct):
    headline: Headline


@dataclass(frozen=True)
class RunLine:
    """A run by its primary row."""

    names: list[str]  #: of the revisions that have these parameters and results
    dataset: str
    row: str
    headline: Headline


@dataclass(frozen=True)
class EveryRun:
    """The runs of a repository."""

    lines: list[RunLine]
    left_out: dict[str, str]  #: by name, why its numbers are not shown
    confidence: float  #: of the intervals over data sets

    def gains(self) -> dict[str, dict[str, list[float]]]:
        """By primary row and data set, the gains of all runs of them."""
        found: dict[str, dict[str, list[float]]] = {}
        for line in self.lines:
            if line.headline.gain:
                found.setdefault(line.row, {}).setdefault(line.dataset, []).append(line.headline.gain.mean)
        return found


def every_run() -> EveryRun:
    """The runs of the working tree, and of all branches, tags and experiments.

    Raises:
        UserError: params.yaml of the working tree can't be read, or no run has a result.
    """
    check_repository_root()
    confidence = section(read(), Compare, "compare").confidence
    lines: dict[str, RunLine] = {}
    left_out: dict[str, str] = {}
    commits: list[tuple[str, str | None]] = [(WORKSPACE, None)]
    commits += [(", ".join(names), commit) for commit, names in named_commits().items()]
    for name, commit in commits:
        try:
            run = recorded_run(None) if commit is None else run_of_commit(name, commit)
            line = _line(run)
        except UserError as error:
            left_out[name] = str(error).removeprefix(f"{name}: ")
            continue
        key = json.dumps([run.values, msgspec.to_builtins(line.headline)], sort_keys=True, default=str)
        lines.setdefault(key, RunLine([], line.dataset, line.row, line.headline)).names.extend(line.names)
    if not lines:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
        raise UserError(f"report: no run has a result ({reasons}); run `dvc repro`")
    return EveryRun(list(lines.values()), left_out, confidence)


def _line(run: RecordedRun) -> RunLine:
    """Raises UserError where a run has no results, or results of other parameters than its own."""
    text = text_at(run.commit, SUMMARY)
    row, dataset = (str(value_at(run.values, key)) for key in ("compare.primary", "dataset"))
    if text is None:
        raise UserError(f"{run.name}: has no {SUMMARY}")
    if hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() != run.outs.get(SUMMARY.as_posix()):
        raise UserError(f"{run.name}: its {SUMMARY} is not the one that its dvc.lock names")
    if reason := run.stale("compare") or run.stale(probe_stage(row)):
        raise UserError(f"{run.name}: {reason}")
    try:
        return RunLine([run.name], dataset, row, msgspec.json.decode(text, type=_Summary).headline)
    except msgspec.MsgspecError as error:
        raise UserError(f"{run.name}: {SUMMARY}: {error}") from None


def every_run_page(every: EveryRun) -> str:
    """Markdown: a line each, then gains over data sets, then the runs that are left out."""
    lines = ["# All runs", "", *_table(every.lines)]
    for row, gains in every.gains().items():
        lines += [_over_data_sets(row, gains, every.confidence), ""]
    if every.left_out:
        lines += ["Left out:", "", *(f"- {markdown(f'{name}: {why}')}" for name, why in every.left_out.items()), ""]
    return "\n".join(lines)


def _table(lines: Sequence[RunLine]) -> Iterator[str]:
    yield (
        "Each run by its primary row, as its own `metrics/summary.json` has it: accuracy in %, gain over random "
        "weights in points. The verdict is on the gain. Runs are not paired here: `trajprobe report --against "
        "REVISION` does that."
    )
    yield ""
    header = ["run", "data set", "row", "accuracy", "random", "gain", "verdict"]
    yield table_line(*header)
    yield table_rule(header)
    for line in lines:
        of = line.headline
        scores = [
            f"{_score(score)}{word}"
            for score, word in ((of.accuracy, ""), (of.balanced_accuracy, " balanced"))
            if score
        ]
        yield table_line(
            markdown(", ".join(line.names)),
            markdown(line.dataset),
            markdown(line.row),
            ", ".join(scores),
            percent(of.random.mean) if of.random else "",
            points(of.gain.estimate) if of.gain else "",
            VERDICTS.get(of.verdict, "") if of.gain and of.verdict is not None else "",
        )
    yield ""


def _score(score: Number) -> str:
    return percent(score.mean) if np.isnan(score.ci_low) else percent_interval(score.estimate)


def _over_data_sets(row: str, gains: dict[str, list[float]], confidence: float) -> str:
    """The mean over data sets, each by the mean of its runs.

    Data sets are the sample, so that what clips and seeds leave open of each is in their spread (Student's t).
    """
    means = np.array([np.mean(values) for values in gains.values()])
    count = len(means)
    sets = f"{markdown(row)}: gains on {count} data set{'s' * (count != 1)}"
    if count < FEWEST_DATA_SETS:
        return f"{sets}; an interval over data sets needs at least {FEWEST_DATA_SETS}."
    over = StudentDistribution(float(means.mean()), float(means.std(ddof=1) / np.sqrt(count)), count - 1.0)
    several = " Where one has several runs, their mean counts." * any(len(values) > 1 for values in gains.values())
    return (
        f"{sets}, {int((means > 0).sum())} of them above 0: in the mean "
        f"{points(confidence_interval(over, confidence))} points, a {100 * confidence:g} % interval for data sets "
        f"like these (Student's t with {count - 1} degrees of freedom; each data set counts once).{several}"
    )
