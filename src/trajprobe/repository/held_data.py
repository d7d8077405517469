"""What git and DVC hold below data/ and this working tree lacks: deleted, not checked out, or changed since."""

import shlex
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, system_reason
from trajprobe.files import imported
from trajprobe.files.atomic import file_md5
from trajprobe.inspection.measures import RAW
from trajprobe.inspection.refusals import not_here
from trajprobe.params import read, section
from trajprobe.repository.dvc_cache import dvc_files, pointed_outs
from trajprobe.rows import WEIGHTS, named_rows

DATA = Path("data")


class Lack(NamedTuple):
    """What is not here, or not as it was imported, with what brings it back, in a line."""

    text: str
    needed: bool  #: a run would fail by it


def lacks() -> Iterator[Lack]:
    """All of them: first the files that git tracks, then what the .dvc files name."""
    used, images = _used()
    deleted = deleted_files()
    needed = [path for path in deleted if path.name in images or path.with_suffix("") in used]
    # `trajprobe data remove`, say, takes away what is not used.
    spare = [path for path in deleted if path not in needed]
    for files, otherwise in ((needed, ""), (spare, ", or commit that {} removed")):
        if files:
            more, they = (f" and {several(len(files) - 1, 'more file')}", "they are") if files[1:] else ("", "it is")
            way = f"run `{way_back(files)}`{otherwise.format(they)}"
            yield Lack(f"{files[0]}{more}: gone from here, but not from git; {way}", files is needed)
    for pointer in dvc_files():
        path = pointer.with_suffix("")
        try:
            text = _problem(pointer, is_used=path in used)
        except UserError:  # a damaged pointer, which is reported with the rest of the repository's own files
            continue
        except OSError as error:
            text = system_reason(error, "free disk space")
        if text:
            yield Lack(text, path in used)


def deleted_files() -> list[Path]:
    """The files below data/ that git tracks and that are gone; none where there is no git."""
    return _tracked("--deleted")


def way_back(deleted: Collection[Path]) -> str:
    """The commands that bring these files of git back, and what the .dvc files among them name.

    Where all that git tracks is gone, they bring all of it back.
    """
    if deleted_files() == _tracked():
        return f"git checkout {DATA} && dvc checkout"
    files = shlex.join(map(str, deleted))
    pointed = shlex.join(str(path.with_suffix("")) for path in deleted if path.suffix == ".dvc")
    return f"git checkout {files}" + (f" && dvc checkout {pointed}" if pointed else "")


def _tracked(*options: str) -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z", *options, "--", str(DATA)], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:  # no git
        return []
    names = done.stdout.decode(errors="surrogateescape").split("\0")
    return sorted({Path(name) for name in names if name})  # one that is being merged is listed several times


def _used() -> tuple[set[Path], str]:
    """The data set and the weights that params.yaml names, and its scenes as a text, which has the names of images.

    There are none where it is wrong, of which `check` says more.
    """
    with suppress(UserError):
        values = read()
        rows = named_rows(values).values()
        used = {RAW / f"{section(values, str, 'dataset')}.npz", *(WEIGHTS / row.weights for row in rows)}
        return used, str(values["scenes"])
    return set(), ""


def _problem(pointer: Path, *, is_used: bool) -> str | None:
    """What is wrong with the data that a .dvc file names; all of it is read only where a run would read it too."""
    path = pointer.with_suffix("")
    if not path.exists():
        return f"{path}: {not_here(path)}"
    if not is_used:
        return None
    md5s = {out["md5"] for out in pointed_outs(pointer)}
    if not imported.recorded(path):  # a user's own `dvc add`
        changed = path.is_file() and file_md5(path) not in md5s
        return f"{path}: is not the file that {pointer} names; {imported.remedy(path)}" if changed else None
    if imported.dvc_md5(path) in md5s:  # else DVC has taken other data over, which is reported with the rest
        try:
            imported.check(path)
        except UserError as error:
            return str(error)
    return None
