"""Holds a run against another one: what changed, and what that made of each row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trajprobe.compare.comparison import Compare, compare, deciding_metric
from trajprobe.compare.sample import Sample
from trajprobe.errors import UserError
from trajprobe.files import findings, probe_results
from trajprobe.files.feature_shards import PRETRAINED, RANDOM
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.params import section
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.runs.changes import Change, changes
from trajprobe.runs.git_revisions import WORKSPACE
from trajprobe.runs.recorded_run import CODE, RecordedRun, differing, probe_stage, recorded_run

#: What paths begin with that say what was run, beside the parameters.
INPUTS = (*CODE, "data/raw/", "data/scenes", "data/weights/")


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
    needed = [LABELLING, *map(probe_results.path, shared)]
    for run, files in ((here, [*needed, findings.FINDINGS]), (there, needed)):
        run.objects(files)  # so that all that is missing is fetched by one command
    ours, theirs = here.labelling(), there.labelling()
    _check_same_clips(here, there, ours, theirs)
    metric = deciding_metric(here.guards())
    one, other = (
        compare(run.probes(shared, labelling), {}, metric, labelling, params)
        for run, labelling in ((here, ours), (there, theirs))
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
        absent = [f"{run.name}: has no such row" for run in (here, there) if row not in run.rows]
        stale = ((run, run.stale(probe_stage(row))) for run in (here, there))
        if found := absent or [f"{run.name}: {reason}" for run, reason in stale if reason]:
            reasons[row] = "; ".join(found)
    return reasons


def _check_same_clips(here: RecordedRun, there: RecordedRun, ours: Labelling, theirs: Labelling) -> None:
    """Raises UserError where the two runs did not predict the same clips: nothing could be paired."""
    same = ours.tracks == theirs.tracks and ours.names.tolist() == theirs.names.tolist()
    for part in ("labels", "groups"):
        same = same and np.array_equal(getattr(ours, part), getattr(theirs, part))
    datasets = [run.values.get("dataset") for run in (there, here)]
    if not same:
        if datasets[0] != datasets[1]:
            difference = f"its data set is `{datasets[0]}`, that of the {here.name} `{datasets[1]}`"
        else:
            difference = f"its tracks or labels differ from those of the {here.name}"
        raise UserError(
            f"{there.name}: {difference}: clips can't be paired, so no difference has an interval. "
            "`trajprobe report --all` puts runs of several data sets into one table"
        )
    if not np.array_equal(ours.folds >= 0, theirs.folds >= 0):
        raise UserError(
            f"{there.name}: its folds test other clips than those of the {here.name}, so clips can't be paired; make "
            "`prepare` the same in both, then run `dvc repro`"
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
