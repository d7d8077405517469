"""python stages/compare.py: holds all rows against each other; writes the summary, the table and the plots."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.probes.classifier import Probe
    from trajprobe.statistics import plots, rows
    from trajprobe.statistics.compare import Compare, compare, summary
    from trajprobe.statistics.table import headline, table
    from trajprobe.storage import write_bytes, write_json
    from trajprobe.trajectories import findings
    from trajprobe.trajectories.labelling import LABELLING, Labelling

    values = read()
    params = section(values, Compare, "compare")
    named = rows.named(values)
    found = compare(rows.probes(named), rows.references(values), Labelling.load(LABELLING), params)
    write_json(Path("metrics/summary.json"), summary(found, rows.pretraining(values), params))
    plots.write(found, params.primary, Path("metrics/plots"))
    grid, extra = section(values, Probe, "probe").c, rows.recipe_notes(values)
    before = [finding.text for finding in findings.load()]
    text = table(found, section(values, str, "dataset"), grid, params, before, extra)
    write_bytes(Path("data/report/table.md"), text.encode())
    return f"metrics/summary.json: {len(named)} rows; data/report/table.md: the table; {headline(found, params)}"


if __name__ == "__main__":
    run(main)
