"""The harms that trajprobe is held to: what each of them may cost, and the table of what came out.

A test that does a harm says so, `@pytest.mark.harm("kills")`, and, where it does it more than once, how often:
`record_property("times", 60)`; and what came of it, `record_property("found", ("runs that ended early", 3))`, of which
the table has the sum. `pytest --torture=FILE`, or `make torture`, runs these tests alone and writes the table.
Without `=`, pytest takes a FILE that is there for one of tests, and does not find this option.
"""

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Harm:
    """What is done, and what it is promised to cost."""

    harm: str
    lost: str
    said: str
    status: str


NOTHING = "nothing that was finished"
LINE = "one line: what was found, what to do"
HARMS = {
    "kills": Harm(
        "kill, SIGTERM or Ctrl-C at a random moment of each stage, and of import, restore, export, push, pull, "
        "`remote add`, `cache prune`",
        f"{NOTHING}: the same command again leaves the same bytes",
        "`trajprobe doctor` what it mends",
        "of the signal",
    ),
    "power": Harm("power cut while a file is written", "nothing: the old file or the new one", "-", "-"),
    "ctrl-c": Harm("Ctrl-C and SIGTERM, in imports, work and worker processes", NOTHING, "`interrupted`", "130"),
    "full disk": Harm(
        "a disk that is full at a random moment of a run",
        f"{NOTHING}: with space, the run ends with the same bytes",
        "one line with the reason",
        "not 0",
    ),
    "read-only": Harm(
        "a read-only checkout, data/, metrics/, .dvc, store or remote",
        "nothing",
        "one line with the path",
        "2, or 0 where nothing is to be written",
    ),
    "damage": Harm(
        "flipped, cut and emptied files of every kind that stages, DVC and commands read",
        "nothing: no result is made of them",
        f"{LINE}; or the file is made again",
        "2, or 0 with the same bytes",
    ),
    "imports": Harm(
        "flipped, cut and emptied files of every format that an import reads",
        "nothing: no data set is made of them",
        LINE,
        "2, or 0 with tracks that can be drawn",
    ),
    "hostile files": Harm(
        "archives that lie about their sizes, pickles, links out of a file, malformed tables, weights with code in "
        "them",
        "nothing; no code of a file runs",
        LINE,
        "2",
    ),
    "hostile parameters": Harm("params.yaml with any change", "nothing: it is refused before anything runs", LINE, "2"),
    "hostile names": Harm(
        "names with `../`, quotes, `$(...)`, line ends",
        "nothing: no shell sees a name",
        LINE,
        "2",
    ),
    "two in one checkout": Harm(
        "two runs at once in one checkout",
        NOTHING,
        "DVC's line, by the one that waits in vain; or that params.yaml has changed",
        "0, and 0 or not 0; not 0 where both change params.yaml",
    ),
    "two with one store": Harm("two runs at once with one store", NOTHING, "-", "0"),
    "two users": Harm(
        "a store of another user",
        "nothing",
        "one line, where it must be written to",
        "2 there; else 0",
    ),
    "clocks": Harm(
        "files of 1970 and of 2100, another time zone",
        "nothing; nothing is made again",
        "-",
        "0",
    ),
    "locales": Harm("a locale without Unicode", "nothing: the same bytes", "escapes for letters that it lacks", "0"),
    "paths": Harm("spaces, quotes, `$(...)`, umlauts in paths", "nothing: the same bytes", "-", "0"),
    "workers": Harm(
        "a worker process that dies",
        f"{NOTHING}: its own shards alone are made again",
        "the shards that it cost",
        "2",
    ),
    "ray": Harm("Ray: a worker, and a host, killed", f"{NOTHING}: the same bytes", "-", "0"),
}
HEADINGS = ("harm", "what is lost", "what is said", "exit status", "done", "came out")


@dataclass
class Came:
    """What came out of the tests of a harm."""

    done: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)

    def words(self):
        if self.failed:
            return f"BROKEN by {', '.join(self.failed)}"
        parts = ["held"] if self.done else []
        parts += [f"{what}: {count}" for what, count in sorted(self.found.items())]
        parts += [f"not tried: {reason}" for reason in sorted(set(self.skipped))]
        return "; ".join(parts) or "not tried"


def pytest_addoption(parser):
    parser.addoption("--torture", metavar="FILE", help="Runs the tests of a harm alone, and writes the table to FILE.")


def pytest_configure(config):
    config.addinivalue_line("markers", "harm(name): the test does this harm, of those in tests/harms.py")
    config.pluginmanager.register(Table(config), "table of harms")


def pytest_collection_modifyitems(config, items):
    """Hands the harms of a test on with its report, from pytest's workers too."""
    harmless = []
    for item in items:
        names = [name for mark in item.iter_markers("harm") for name in mark.args]
        if unknown := set(names) - set(HARMS):
            raise pytest.UsageError(f"{item.nodeid}: got harm {', '.join(unknown)}, expected one of tests/harms.py")
        item.user_properties += [("harm", name) for name in names]
        if not names:
            harmless.append(item)
    if config.getoption("torture") and harmless:
        items[:] = [item for item in items if item not in set(harmless)]
        config.hook.pytest_deselected(items=harmless)


class Table:
    """Collects the reports of tests."""

    def __init__(self, config):
        self.path = config.getoption("torture")
        self.is_worker = hasattr(config, "workerinput")
        self.came = {name: Came() for name in HARMS}

    def pytest_runtest_logreport(self, report):
        properties = list(report.user_properties)
        times = sum(value for name, value in properties if name == "times") or 1
        for name in {value for key, value in properties if key == "harm"}:
            came = self.came[name]
            if report.failed:
                came.failed.append(report.nodeid.rpartition("/")[2])
            elif report.skipped and not hasattr(report, "wasxfail"):
                came.skipped.append(report.longrepr[2].removeprefix("Skipped: "))
            elif report.when == "call":
                came.done += times
                for what, count in (value for key, value in properties if key == "found"):
                    came.found[what] += count

    def pytest_sessionfinish(self):
        ran = any(came.done or came.failed or came.skipped for came in self.came.values())
        if self.path and ran and not self.is_worker:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            Path(self.path).write_text(self.text(), encoding="utf-8")

    def text(self):
        """The table, in Markdown."""
        variables = [f"{name}={os.environ[name]}" for name in ("KILLS", "TRAJPROBE_CASES") if name in os.environ]
        command = " ".join(["make torture", *variables]).replace("TRAJPROBE_CASES", "CASES")
        lines = [
            "# Torture",
            "",
            f"`{command}` does these harms and writes this table. Python {platform.python_version()}, "
            f"{platform.system()}, {os.cpu_count()} processors.",
            "",
            f"| {' | '.join(HEADINGS)} |",
            f"|{'---|' * len(HEADINGS)}",
        ]
        for name, harm in HARMS.items():
            came = self.came[name]
            cells = (harm.harm, harm.lost, harm.said, harm.status, f"{came.done:,}", came.words())
            lines.append(f"| {' | '.join(cell.replace('|', ' ') for cell in cells)} |")
        return "\n".join(lines) + "\n"
