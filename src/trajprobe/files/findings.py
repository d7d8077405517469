"""What the guards found in a data set and in its clips, in words: it stands above the numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from trajprobe.errors import UserError, visible_name
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.params import Parameters, parse

#: Of the tracks; and the folder of those of the clips, a file for each format.
FINDINGS, CLIP_FINDINGS = Path("data/trajectories/guards.json"), Path("data/results/clips")
#: A text names so many of a list; the file holds all.
SHOWN = 10
#: What a grave finding does: `stop` ends the run, `warn` lets it go on.
Guards = Literal["stop", "warn"]


class Finding(Parameters, frozen=True):
    """One thing that a reader of the numbers must know."""

    name: str  #: which guard found it
    text: str  #: one line of plain words
    items: tuple[tuple[int, ...] | str, ...] = ()  #: all of what the text names the first of
    grave: bool = False  #: no number can be believed before it is corrected


def of_clips(form: str) -> Path:
    """The file of what the guards found in the clips of a format."""
    return CLIP_FINDINGS / f"{form}.json"


def save(findings: Iterable[Finding], path: Path = FINDINGS) -> None:
    write_checked_json(path, {"findings": [msgspec.to_builtins(finding) for finding in findings]})


def load(path: Path = FINDINGS) -> list[Finding]:
    """What `save` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    return parse(read_checked_json(path).get("findings"), list[Finding], str(path))


def stop(findings: Iterable[Finding], guards: str, where: str) -> None:
    """Ends the run over grave findings, unless `guards` (of `Guards`) is `warn`; `where` begins the message.

    Raises:
        UserError: a finding is grave.
    """
    grave = [finding.text for finding in findings if finding.grave]
    if grave and guards != "warn":
        raise UserError(
            f"{where}: {' '.join(grave)} No result can be believed before that is corrected. With `prepare.guards: "
            "warn` the run goes on all the same, with this above its table"
        )


def first(items: Sequence[object], path: Path = FINDINGS) -> str:
    """The first of `items`, made visible, and how many more there are; `path` is the file that holds all."""
    more = f" and {len(items) - SHOWN:,} more, in {path}" if len(items) > SHOWN else ""
    return ", ".join(map(visible_name, items[:SHOWN])) + more
