"""python stages/compare.py: holds all rows against each other; writes the summary, the details, the table and plots."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.compare.comparison import Compare, compare, deciding_metric
    from trajprobe.compare.order import labels_of_pairs
    from trajprobe.compare.results import clip_findings, compared_probes, pretraining_figures, remove_leftovers
    from trajprobe.files import findings
    from trajprobe.files.atomic import write_bytes, write_json
    from trajprobe.files.labelling import LABELLING, Labelling
    from trajprobe.report import plots
    from trajprobe.report.details import details
    from trajprobe.report.notes import recipe_notes
    from trajprobe.report.summary import summary
    from trajprobe.report.table import headline, table
    from trajprobe.rows import held_against

    values, guards = read(), findings.load()
    remove_leftovers(values)
    params, against = section(values, Compare, "compare"), held_against(values)
    labelling = Labelling.load(LABELLING)
    dataset, before = section(values, str, "dataset"), [finding.text for finding in [*guards, *clip_findings(values)]]
    reversals = labels_of_pairs(params.reversals.get(dataset, ()), labelling.names.tolist(), dataset)
    probes, metric = compared_probes(values, labelling), deciding_metric(guards)
    comparison = compare(probes, against, metric, labelling, params, reversals)
    write_json(Path("metrics/summary.json"), summary(comparison, params))
    further = list(recipe_notes(values))
    write_json(Path("metrics/details.json"), details(comparison, pretraining_figures(values), before, further))
    plots.write(comparison, params.primary, Path("metrics/plots"))
    text = table(comparison, dataset, params, before, further)
    write_bytes(Path("data/report/table.md"), text.encode())
    rows = len(comparison.main)
    return f"metrics/summary.json: {rows} rows; data/report/table.md: the table; {headline(comparison, params)}"


if __name__ == "__main__":
    run(main)
