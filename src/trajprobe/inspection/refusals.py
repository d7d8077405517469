"""What a command says of a value that it can't take, in the same words for all of them: got X, expected Y; do Z."""

from collections.abc import Collection, Iterable
from pathlib import Path

from trajprobe.errors import UserError, visible_names

#: Names that a message lists at most.
LISTED = 30


def check_one_of(what: str, got: str, expected: Collection[str], remedy: str = "") -> None:
    """Raises UserError unless `got` is one of `expected`; `what` is the option or argument, as help writes it."""
    if got not in expected:
        names = visible_names(expected, LISTED) or "none, for now"
        raise UserError(f"{what}: got {got!r}, expected one of {names}" + (f"; {remedy}" if remedy else ""))


def not_here(path: Path) -> str:
    """What is wrong with a file or folder of which only the .dvc file is here, and what brings it."""
    return f"is not here; run `dvc checkout {path}`, or `dvc pull {path}`"


def check_ending(path: Path, endings: Iterable[str], what: str = "--out") -> str:
    """The ending of a file that is to be written, in small letters; raises UserError unless it is one of `endings`."""
    *first, last = endings
    if (ending := path.suffix.lower()) not in (*first, last):
        raise UserError(f"{what}: got {str(path)!r}, expected a name that ends in {', '.join(first)} or {last}")
    return ending
