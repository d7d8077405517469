"""python stages/compare.py: holds all rows against each other; writes the summary, the table and the plots."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main() -> str:
    from trajprobe.compare import rows
    from trajprobe.compare.comparison import Compare, compare
    from trajprobe.files import findings
    from trajprobe.files.atomic import write_bytes, write_json
    from trajprobe.files.labelling import LABELLING, Labelling
    from trajprobe.report import plots
    from trajprobe.report.summary import summary
    from trajprobe.report.table import headline, table

    values = read()
    params = section(values, Compare, "compare")
    named = rows.named(values)
    found = compare(rows.probes(named), rows.references(values), Labelling.load(LABELLING), params)
    write_json(Path("metrics/summary.json"), summary(found, rows.pretraining(values), params))
    plots.write(found, params.primary, Path("metrics/plots"))
    before = [finding.text for finding in findings.load()]
    text = table(found, section(values, str, "dataset"), params, before, rows.recipe_notes(values))
    write_bytes(Path("data/report/table.md"), text.encode())
    return f"metrics/summary.json: {len(named)} rows; data/report/table.md: the table; {headline(found, params)}"


if __name__ == "__main__":
    run(main)
