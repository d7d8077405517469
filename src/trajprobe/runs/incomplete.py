"""The table of a run in which rows are missing: of those that are there, and marked as such.

The stage `compare` refuses an incomplete run. This is its table without these rows, made outside DVC, so that nothing
that DVC or git keeps is ever incomplete.
"""

from collections.abc import Collection
from copy import deepcopy
from typing import Any

import msgspec

from trajprobe.compare.comparison import Compare, compare, deciding_metric
from trajprobe.compare.order import labels_of_pairs
from trajprobe.compare.results import clip_findings
from trajprobe.errors import UserError
from trajprobe.params import section
from trajprobe.report.notes import recipe_notes
from trajprobe.report.table import table
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.rows import SHARED, held_against, named_rows
from trajprobe.runs.recorded_run import probe_stage, recorded_run


def incomplete_table(left_out: Collection[str]) -> str:
    """The table of the rows of params.yaml but those that are left out, as Markdown.

    Raises:
        UserError: a row that is left out is none, or is the primary one; or a row that stays is missing, or was made
            with other parameters than params.yaml has, or with other code than the others.
    """
    check_repository_root()
    run = recorded_run(None)
    kept = without_rows(run.values, left_out)
    if stale := [f"{row}: {reason}" for row in kept["rows"] if (reason := run.stale(probe_stage(row)))]:
        raise UserError(
            f"table: {'; '.join(stale)}; run `dvc repro --keep-going`, or leave such rows out too (`--without ROW`)"
        )
    if mixed := run.mixed_code(kept["rows"]):
        raise UserError(
            f"table: rows were made with different versions of {', '.join(mixed)}; run `dvc repro --keep-going`"
        )
    params, against = section(kept, Compare, "compare"), held_against(kept)
    labelling, guards = run.labelling(), run.guards()
    dataset, before = section(kept, str, "dataset"), [finding.text for finding in [*guards, *clip_findings(kept)]]
    reversals = labels_of_pairs(params.reversals.get(dataset, ()), labelling.names.tolist(), dataset)
    comparison = compare(
        run.probes(kept["rows"], labelling), against, deciding_metric(guards), labelling, params, reversals
    )
    rows = ", ".join(dict.fromkeys(left_out))
    mark = f"**Incomplete: without {rows}.** Intervals and p-values are those of the rows that are here."
    return f"{mark}\n\n{table(comparison, dataset, params, before, list(recipe_notes(kept)))}"


def without_rows(values: dict[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """`values` without these rows. What was like one of them, or held against it, stands by itself.

    Raises:
        UserError: one of them is no row, or the primary one.
    """
    rows = named_rows(values)
    for name in left_out:
        if name not in rows:
            raise UserError(f"--without {name}: got no row of params.yaml, expected some of {', '.join(rows)}")
    primary = section(values, str, "compare", "primary")
    if primary in left_out:
        raise UserError(
            f"--without {primary}: is the row that the others are compared with; name another one as `compare.primary` "
            "in params.yaml first"
        )
    kept = deepcopy(values)
    kept["rows"] = {name: row for name, row in kept["rows"].items() if name not in left_out}
    for name, row in kept["rows"].items():
        if row["like"] in left_out:
            shared = {key: msgspec.to_builtins(getattr(rows[name], key)) for key in SHARED}
            row |= {"like": name} | {key: value for key, value in shared.items() if value is not None}
        if row.get("against") in left_out:
            del row["against"]
    return kept
