"""python benchmarks/bench.py [SUBJECT...]: speed and memory beside their peers and limits, as one table.

Each subject is a file of benchmarks/subjects, and runs in a process of its own. All of them, or those that are named,
are measured; the others keep their rows. The table is cpu.md in benchmarks/results, and cpu.json the same for programs.
`--quick` runs every subject in a small form, which proves that it runs and no more, and prints the table alone.
"""

import ast
import json
import multiprocessing
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from contextlib import chdir, suppress
from dataclasses import asdict
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

from measure import Row, of_machine  # noqa: E402

from trajprobe.stage import Compute, pin  # noqa: E402

SUBJECTS = sorted(path.stem for path in Path(__file__).with_name("subjects").glob("*.py"))
RESULTS = ROOT / "benchmarks/results"
COLUMNS = ("what", "ours", "peer", "its", "ours / its", "spread", "goal", "again")
HEAD = """# Speed and memory

`make bench` makes this table. *ours / its* is a median over runs in turns, *spread* its lowest and highest value; where
there is no peer, of ours. Rates (1/s) are better the higher, seconds and bytes the lower. Networks have random weights.
A subject alone is measured again by the command in its last column; the other rows stay as they are.
"""


def measured(name: str, *, quick: bool) -> list[Row]:
    """The rows of a subject, whose files and store are in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, chdir(folder):
        os.environ["TRAJPROBE_STORE"] = str(Path(folder, "store"))
        return list(import_module(f"subjects.{name}").rows(quick=quick))


def _send(name: str, quick: bool, results: "Connection[Any, list[Row]]") -> None:
    results.send(measured(name, quick=quick))


def in_a_process(name: str, *, quick: bool) -> list[Row] | None:
    """The rows of a subject, measured by a new process; None where it fails, which says why on standard error."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(name, quick, sender))
    process.start()
    sender.close()
    rows: list[Row] | None = None
    with suppress(EOFError):
        rows = receiver.recv()
    process.join()
    return rows


def about(name: str) -> tuple[str, str]:
    """The title of a subject, and what its file says of itself."""
    text = ast.get_docstring(ast.parse((Path(__file__).with_name("subjects") / f"{name}.py").read_text())) or name
    title, _, more = text.partition("\n")
    return title.rstrip("."), " ".join(more.split())


def number(value: float | None) -> str:
    """Three digits that count, or all of a larger number."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def goal(row: Row) -> str:
    bounds = [("≥", row.at_least), ("≤", row.at_most)]
    words = " ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
    return words and f"{words}: {({True: 'met', False: '**missed**', None: 'not known'})[row.is_met]}"


def line(row: Row, name: str) -> str:
    """A row in Markdown."""
    what = f"{row.what} ({row.note})" if row.note else row.what
    spread = f"{number(row.spread[0])} to {number(row.spread[1])}" if row.spread else ""
    its = number(row.peer_value) if row.peer_value is not None else ("absent" if row.peer else "")
    ours = f"{number(row.value)} {row.unit}".strip()
    cells = (what, ours, row.peer, its, number(row.ratio), spread, goal(row), f"`python benchmarks/bench.py {name}`")
    return f"| {' | '.join(cells)} |"


def of_goals(table: dict[str, Any]) -> str:
    """How many goals are met, and which are missed."""
    every = [(name, row) for name, subject in sorted(table["subjects"].items()) for row in subject["rows"]]
    missed = [f"{name}: {row['what']}" for name, row in every if row["goal_met"] is False]
    met = sum(row["goal_met"] is True for _, row in every)
    return f"\nGoals met: {met}. Missed: {len(missed)}{' (' + '; '.join(missed) + ')' if missed else ''}."


def markdown(table: dict[str, Any]) -> str:
    """The whole table; a subject that was measured on another machine says so."""
    parts = [HEAD, "| | |\n|---|---|", *(f"| {key} | {value} |" for key, value in table["machine"].items())]
    parts.append(of_goals(table))
    for name, subject in sorted(table["subjects"].items()):
        title, text = about(name)
        parts.append(f"\n## {title}\n")
        parts.append(text)
        elsewhere = subject["machine"].items() - table["machine"].items()
        where = "".join(f"; {key} {value}" for key, value in sorted(elsewhere))
        parts.append(
            f"\n{subject['date']}, {subject['seconds']:.0f} s, load {subject['load']:.1f} when it began{where}.\n"
        )
        parts.append(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        parts += [line(Row(**{key: row[key] for key in row if key != "goal_met"}), name) for row in subject["rows"]]
    return "\n".join(part for part in parts if part) + "\n"


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("subject", nargs="*", help=", ".join(SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="a small form of each, which measures nothing")
    parser.add_argument("--results", type=Path, help=f"the folder of the table; {RESULTS.relative_to(ROOT)} by default")
    arguments = parser.parse_args()
    if unknown := set(arguments.subject) - set(SUBJECTS):
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(SUBJECTS)}")
    folder = arguments.results or (None if arguments.quick else RESULTS)
    # As stages pin it, but for the instruction set: peers run with the fastest that there is, and so do we.
    pin(Compute(threads=2, instruction_set="native"))
    # What is started from here measures this checkout.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    path = folder / "cpu.json" if folder else None
    table: dict[str, Any] = json.loads(path.read_text()) if path and path.exists() else {"subjects": {}}
    table["machine"] = of_machine()
    table["subjects"] = {name: table["subjects"][name] for name in SUBJECTS if name in table["subjects"]}
    failed = []
    for name in arguments.subject or SUBJECTS:
        load, begun = os.getloadavg()[0], time.monotonic()
        sys.stderr.write(f"{name}: {about(name)[0]}\n")
        rows = in_a_process(name, quick=arguments.quick)
        if rows is None:
            failed.append(name)
            continue
        table["subjects"][name] = {
            "date": time.strftime("%Y-%m-%d"),
            "seconds": time.monotonic() - begun,
            "load": load,
            "machine": table["machine"],
            "command": f"python benchmarks/bench.py {name}",
            "rows": [asdict(row) | {"goal_met": row.is_met} for row in rows],
        }
        for row in rows:
            print(line(row, name), flush=True)
        if path:  # after each, so that nothing is lost where a later one is stopped
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
            path.with_suffix(".md").write_text(markdown(table))
    if failed:
        sys.exit(f"error: {', '.join(failed)} failed, and keep the rows that they had")


if __name__ == "__main__":
    main()
