"""Holds a run against another one: what changed, and what that made of each row."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trajprobe.compare.comparison import Compare, Comparison, compare, deciding_metric
from trajprobe.compare.sample import Sample
from trajprobe.errors import UserError, visible_names
from trajprobe.files import findings
from trajprobe.files.checked_json import read_checked_json
from trajprobe.files.feature_shards import PRETRAINED, RANDOM
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import parse, section
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.runs.changes import Change, changes
from trajprobe.runs.git_revisions import WORKSPACE, fetch_command
from trajprobe.runs.recorded_run import RecordedRun, differing, probe_file, probe_stage, recorded_run

#: Outs of a stage whose inputs say what was run, beside the parameters.
INPUTS = ("src/", "stages/", "data/raw/", "data/scenes", "data/weights/")


@dataclass(frozen=True)
class RunsCompared:
    """Two runs."""

    here: RecordedRun
    there: RecordedRun
    parameters: dict[str, tuple[Any, Any]]  #: that differ, by dotted key: there and here
    inputs: list[str]  #: code, data and weights that differ, as far as the rows that are compared depend on them
    rows: list[Change]
    left_out: dict[str, str]  #: by row that is not compared, why
    dataset: str
    metric: str  #: that verdicts are on
    params: Compare  #: of the verdicts
    labelling: Labelling
    folds_differ: bool


def hold_against(revision: str) -> RunsCompared:
    """The run of the working tree, held against that of another revision.

    Raises:
        UserError: git has no such revision; a result of one is nowhere on this machine; the two runs are of other
            clips; or they have no row in common.
    """
    check_repository_root()
    here, there = recorded_run(None), recorded_run(revision)
    params = section(here.values, Compare, "compare")
    left_out = _left_out(here, there)
    shared = [row for row in here.rows if row not in left_out]
    if not shared:
        reasons = "; ".join(f"{row}: {reason}" for row, reason in list(left_out.items())[:3])
        raise UserError(f"{WORKSPACE} and {there.name}: have no row to compare ({reasons}); run `dvc repro`")
    ours, theirs = (_labelling(run) for run in (here, there))
    _check_same_clips(here, there, ours, theirs)
    metric = deciding_metric(findings.load(_object(here, findings.FINDINGS)))
    one, other = (
        _comparison(run, shared, labelling, metric, params) for run, labelling in ((here, ours), (there, theirs))
    )
    same = {(row, kind): _same_networks(here, there, row, kind) for row in shared for kind in (PRETRAINED, RANDOM)}
    # The probes of a clip were fitted to fewer clips in one of the runs, where their folds differ.
    sample = min((Sample.of(labelling) for labelling in (ours, theirs)), key=lambda sample: sample.trained)
    return RunsCompared(
        here=here,
        there=there,
        parameters=differing(there.values, here.values),
        inputs=_changed_inputs(here, there, shared),
        rows=changes(one, other, same, sample, params),
        left_out=left_out,
        dataset=section(here.values, str, "dataset"),
        metric=metric,
        params=params,
        labelling=ours,
        folds_differ=not np.array_equal(ours.folds, theirs.folds),
    )


def _left_out(here: RecordedRun, there: RecordedRun) -> dict[str, str]:
    """By row that one of the runs does not have, or has not run with its parameters, why."""
    reasons: dict[str, str] = {}
    for row in dict.fromkeys([*here.rows, *there.rows]):
        for run in (here, there):
            reason = run.stale(probe_stage(row)) if row in run.rows else "has no such row"
            if reason:
                reasons.setdefault(row, f"{run.name}: {reason}")
    return reasons


def _check_same_clips(here: RecordedRun, there: RecordedRun, ours: Labelling, theirs: Labelling) -> None:
    """Raises UserError where the two runs did not predict the same clips: nothing could be paired."""
    same = ours.tracks == theirs.tracks and ours.names.tolist() == theirs.names.tolist()
    for part in ("labels", "groups"):
        same = same and np.array_equal(getattr(ours, part), getattr(theirs, part))
    datasets = [run.values.get("dataset") for run in (there, here)]
    if not same:
        of = f"`{datasets[0]}`, expected `{datasets[1]}`" if datasets[0] != datasets[1] else "other tracks or labels"
        raise UserError(
            f"{there.name}: got {of}, as in the {here.name}: clips can't be paired, so no difference has an interval. "
            "`trajprobe report --all` puts runs of several data sets into one table"
        )
    if not np.array_equal(ours.folds >= 0, theirs.folds >= 0):
        raise UserError(
            f"{there.name}: its folds test other clips than those of the {here.name}, so clips can't be paired; make "
            "`prepare` the same in both, then run `dvc repro`"
        )


def _labelling(run: RecordedRun) -> Labelling:
    return Labelling.load(_object(run, LABELLING))


def _comparison(
    run: RecordedRun, rows: Iterable[str], labelling: Labelling, metric: str, params: Compare
) -> Comparison:
    """The scores and gains of these rows of a run."""
    places = {path: run.object(path) for path in map(probe_file, rows)}
    if missing := [path for path, place in places.items() if not place]:
        raise _missing(run, missing)
    probes = []
    for path, place in places.items():
        probe = parse(read_checked_json(place or path), RowProbe, f"{run.name}: {path}")
        if probe.labelling != labelling.digest():
            raise UserError(
                f"{run.name}: {path}: was made of other labels, groups, folds or tracks than its {LABELLING}"
            )
        probes.append(probe)
    return compare(probes, {}, metric, labelling, params)


def _object(run: RecordedRun, path: Path) -> Path:
    place = run.object(path)
    if not place:
        raise _missing(run, [path])
    return place


def _missing(run: RecordedRun, paths: list[Path]) -> UserError:
    return UserError(
        f"{run.name}: {visible_names(paths, 3)}: not in DVC's cache on this machine; "
        f"`{fetch_command(run.name, run.commit, paths)}` fetches what was pushed"
    )


def _same_networks(here: RecordedRun, there: RecordedRun, row: str, kind: str) -> bool:
    """Whether networks of one seed are the same in both runs, by the shape of the row and, if pretrained, its weights.

    A wrong answer costs power and no truth: networks of one seed are drawn together, whatever they are.
    """
    shapes, weights = [], []
    for run in (here, there):
        own = run.values["rows"][row]
        shapes.append((own["family"], run.values["rows"][own["like"]].get("architecture", {})))
        weights.append(run.inputs([probe_stage(row)], (f"data/weights/{own['weights']}",)))
    return shapes[0] == shapes[1] and (kind == RANDOM or weights[0] == weights[1])


def _changed_inputs(here: RecordedRun, there: RecordedRun, rows: Iterable[str]) -> list[str]:
    stages = [probe_stage(row) for row in rows]
    ours, theirs = (run.inputs(stages, INPUTS) for run in (here, there))
    return sorted(path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path])
