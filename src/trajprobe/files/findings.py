"""What the guards found in a data set, in words: it stands above the numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from trajprobe.errors import visible_name
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.params import Parameters, parse

FINDINGS = Path("data/trajectories/guards.json")
#: A text names so many of a list; the file holds all.
SHOWN = 10


class Finding(Parameters, frozen=True):
    """One thing that a reader of the numbers must know."""

    name: str  #: which guard found it
    text: str  #: one line of plain words
    items: tuple[tuple[int, ...] | str, ...] = ()  #: all of what the text names the first of


def save(findings: Iterable[Finding], path: Path = FINDINGS) -> None:
    write_checked_json(path, {"findings": [msgspec.to_builtins(finding) for finding in findings]})


def load(path: Path = FINDINGS) -> list[Finding]:
    """What `save` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    return parse(read_checked_json(path).get("findings"), list[Finding], str(path))


def first(items: Sequence[object]) -> str:
    """The first of `items`, made visible, and how many more there are."""
    more = f" and {len(items) - SHOWN:,} more, in {FINDINGS}" if len(items) > SHOWN else ""
    return ", ".join(map(visible_name, items[:SHOWN])) + more
