"""The commands that compare runs, and make a table without the rows that failed."""

from pathlib import Path

import click

from trajprobe.cli_group import Command, show
from trajprobe.cli_values import ROW

PATH = click.Path(path_type=Path)


@click.command(
    "report",
    Command,
    examples=[
        ("trajprobe report --against main", "What this branch changed, row by row, with intervals and verdicts."),
        ("trajprobe report --all", "All branches, tags and experiments by their primary row."),
    ],
)
@click.option("--against", metavar="REVISION", help="A branch, tag, commit or experiment.")
@click.option("--all", "all_runs", is_flag=True, help="All branches, tags and experiments, one line each.")
@click.option("--out", type=PATH, help="Write it to this file, as Markdown.")
def report(against: str | None, all_runs: bool, out: Path | None) -> None:
    """Put runs side by side: this one and another one, or all.

    Results are read from git and DVC's cache; nothing is run or changed.
    """
    from trajprobe.runs.against import hold_against
    from trajprobe.runs.against_page import against_page
    from trajprobe.runs.every_run import every_run, every_run_page

    if all_runs == (against is not None):
        raise click.UsageError("got neither --against nor --all, or both; expected one of them")
    _show_or_write(every_run_page(every_run()) if against is None else against_page(hold_against(against)), out)


@click.command(
    "table",
    Command,
    examples=[("trajprobe table --without open-magvit2", "The table of the rows that ran, after a night.")],
)
@click.option(
    "--without", type=ROW, multiple=True, required=True, metavar="ROW", help="A row that is left out; may be repeated."
)
@click.option("--out", type=PATH, help="Write it to this file, as Markdown.")
def table(without: tuple[str, ...], out: Path | None) -> None:
    """Make the table of a run in which some rows failed.

    It is marked as incomplete, and DVC keeps none of it. `dvc repro --keep-going` first runs what can be run.
    """
    from trajprobe.runs.incomplete import incomplete_table

    _show_or_write(incomplete_table(without), out)


def _show_or_write(text: str, out: Path | None) -> None:
    if out is None:
        show(text.rstrip("\n"))
        return
    from trajprobe.files.atomic import write_bytes

    write_bytes(out, text.encode())
    show(f"{out}: written")
