"""Finds what a kill, a power cut or a full disk has left of DVC's and git's own files, and mends what it safely can.

Mended is what holds nothing, or what only processes need that are gone. Otherwise the finding names the command.
"""

import configparser
import fcntl
import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.atomic import write_bytes
from trajprobe.inspection.listing import Listing
from trajprobe.repository.dvc_add import UNDO, check_repository_root, finish_imports
from trajprobe.repository.dvc_cache import dvc_files, locked_stages, pointed_outs
from trajprobe.repository.half_written import TMP, Damage, cut_files, databases, leftovers_of_dead, objects
from trajprobe.repository.machine import Condition
from trajprobe.repository.processes import can_have_written, running_dvc, running_git

#: Age in seconds of a lock of git's index from which no process that can't be seen here is expected to hold it.
INDEX_LOCK_AGE = 10


def examine() -> list[Damage]:
    """Everything that is wrong in this repository, after mending what can be mended safely.

    Raises:
        UserError: the current folder is not the root of a repository.
    """
    check_repository_root()
    checks = (
        _config,
        _rwlock,
        _lock,
        _index_lock,
        _index,
        _lock_file,
        _imports,  # before _dvc_files: the .dvc file of a killed import may be unfinished
        _dvc_files,
        databases,
        _taken_over,
        objects,
        cut_files,
        leftovers_of_dead,
    )
    return [finding for check in (*checks, leftovers_of_dead) for finding in check()]


def report(findings: Sequence[Damage], conditions: Sequence[Condition]) -> dict[str, Any]:
    """All of it, in plain values for a script. `ok`: nothing is left that a run would fail by."""
    return {
        "ok": all(one.mended for one in findings) and all(one.status != "error" for one in conditions),
        "machine": [asdict(condition) for condition in conditions],
        "repository": [asdict(finding) for finding in findings],
    }


def in_columns(of: dict[str, Any]) -> Listing:
    """Such a report: a line for each thing that a run needs, and for each finding in the repository."""
    rows = [
        [one["status"], one["name"], "; ".join(filter(None, (one["found"], one["remedy"])))] for one in of["machine"]
    ]
    rows += [["mended" if one["mended"] else "error", "repository", one["text"]] for one in of["repository"]]
    rows += [] if of["repository"] else [["ok", "repository", "in order"]]
    return Listing(["STATUS", "OF", "WHAT IS FOUND, AND WHAT TO DO"], rows)


def mend(report_progress: Callable[[str], object]) -> None:
    """Mends what can be mended safely, before a command that needs DVC; `report_progress` is called with each line.

    Raises:
        UserError: something must be mended by the user.
    """
    findings = examine()
    for finding in findings:
        if finding.mended:
            report_progress(finding.text)
    if remaining := [finding.text for finding in findings if not finding.mended]:
        more = f" ({len(remaining) - 1} more: run `trajprobe doctor`)" if remaining[1:] else ""
        raise UserError(remaining[0] + more)


def _config() -> Iterator[Damage]:
    local = Path(".dvc/config.local")
    if local.is_file() and not local.stat().st_size:
        local.unlink()
        yield Damage(
            f"{local}: was empty, as DVC leaves it when it can't write a value; deleted; if it had a remote, set it "
            "again: `trajprobe remote add URL`",
            mended=True,
        )
    for path in (Path(".dvc/config"), local):
        try:  # as DVC's own reader: a `%` is a `%`, and a repeated section is no error
            configparser.ConfigParser(interpolation=None, strict=False).read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            remedy = "correct it" if path == local else f"run `git checkout {path}`"
            yield Damage(f"{path}: is cut short or damaged; {remedy}", mended=False)


def _rwlock() -> Iterator[Damage]:
    """DVC's list of the processes that read or write an output: {write: {path: process}, read: {path: [process]}}."""
    path = TMP / "rwlock"
    with _file_lock(TMP / "rwlock.lock") as acquired:
        if not acquired or not path.is_file():
            return
        try:
            text = path.read_text(encoding="utf-8")
            write, read = (dict(json.loads(text).get(mode, {})) for mode in ("write", "read"))
            pids = {info["pid"] for info in (*write.values(), *(one for infos in read.values() for one in infos))}
        except (UnicodeDecodeError, ValueError, TypeError, KeyError, AttributeError):
            if running := running_dvc():
                yield Damage(f"{path}: is cut short; wait for the process {running}, then run this again", mended=False)
                return
            path.unlink()
            yield Damage(f"{path}: was cut short; deleted, since no process of DVC runs here", mended=True)
            return
        dead = {pid for pid in pids if not can_have_written(pid, path.stat().st_mtime)}
        if not dead:
            return
        write = {name: info for name, info in write.items() if info["pid"] not in dead}
        read = {name: [info for info in infos if info["pid"] not in dead] for name, infos in read.items()}
        kept = {"write": write, "read": {name: infos for name, infos in read.items() if infos}}
        write_bytes(path, json.dumps({mode: of for mode, of in kept.items() if of}).encode())
        names = ", ".join(map(str, sorted(dead)))
        yield Damage(f"{path}: named processes that are gone ({names}); removed them", mended=True)


def _lock() -> Iterator[Damage]:
    """With `core.hardlink_lock` the lock is a file that stays; otherwise the kernel frees it with its process."""
    path = TMP / "lock"
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8").strip().endswith(".lock") and not running_dvc():
            yield Damage(
                f"{path}: is held, and no process of DVC runs on this machine; if none runs on another one that shares "
                f"this folder, run `rm {path}`",
                mended=False,
            )


def _index_lock() -> Iterator[Damage]:
    path = _git_path("index.lock")
    with suppress(FileNotFoundError):
        while not running_dvc():
            age = time.time() - path.stat().st_mtime  # mostly there is none: whatever git does then is no matter
            if process := running_git():
                yield Damage(f"{path}: locks git's index for the process {process}; wait until it ends", mended=False)
                return
            if age >= INDEX_LOCK_AGE:
                path.unlink()
                yield Damage(f"{path}: was left by a process that is gone; deleted", mended=True)
                return
            time.sleep(INDEX_LOCK_AGE - age)


def _index() -> Iterator[Damage]:
    """The index of git, half of which dulwich, by which DVC stages files, leaves in place of the old one at Ctrl-C.

    It ends with a checksum of all before it, which git reads over: of what is missing, git says that it was deleted.
    """
    path = _git_path("index")
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        if _is_whole_index(content) or running_dvc() or running_git():
            return
        # Not `git reset`, which would end a merge that is under way.
        before_first_commit = bool(_git("rev-parse", "--quiet", "--verify", "HEAD").returncode)
        done = _git("read-tree", "--empty" if before_first_commit else "HEAD")
        if done.returncode:
            reason = " ".join(done.stderr.split())
            yield Damage(
                f"{path}: is cut short, and git can't read the last commit to make it again ({reason}); clone the "
                "repository again and copy your changes into it",
                mended=False,
            )
            return
        source = "empty" if before_first_commit else "from the last commit"
        yield Damage(
            f"{path}: was cut short; made again, {source}. What was staged is staged no longer: `git add` it again",
            mended=True,
        )


def _is_whole_index(content: bytes) -> bool:
    sums = ((hashlib.sha1(content[:-20], usedforsecurity=False), 20), (hashlib.sha256(content[:-32]), 32))
    # Zeros: `index.skipHash` of git's settings.
    return any(content[-length:] in (of.digest(), bytes(length)) for of, length in sums)


def _lock_file() -> Iterator[Damage]:
    try:
        locked_stages()
    except UserError as error:
        yield Damage(str(error), mended=False)


def _dvc_files() -> Iterator[Damage]:
    for path in dvc_files():
        try:
            pointed_outs(path)
        except UserError as error:
            yield Damage(str(error), mended=False)


def _taken_over() -> Iterator[Damage]:
    """Imports whose .dvc file names other data: DVC takes over what it finds in a file that it only holds."""
    for pointer in dvc_files():
        path = pointer.with_suffix("")
        with suppress(UserError):  # reported above
            if imported.recorded(path) and imported.dvc_md5(path) not in {out["md5"] for out in pointed_outs(pointer)}:
                text = f"{path}: is not the data that was imported, and DVC has taken it over; {imported.remedy(path)}"
                yield Damage(text, mended=False)


def _imports() -> Iterator[Damage]:
    for folder in sorted({path.parent for path in Path("data").rglob(f".*.{UNDO}")}):
        try:
            yield from (Damage(line, mended=True) for line in finish_imports(folder))
        except UserError as error:
            yield Damage(str(error), mended=False)


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    """Holds the lock by which DVC guards a file, as DVC does; False where another process holds it."""
    try:
        file = path.open("a+b")
    except FileNotFoundError:  # no .dvc/tmp
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _git_path(name: str) -> Path:
    """Where git has its file of that name: a worktree's is not in .git."""
    return Path(_git("rev-parse", "--git-path", name).stdout.strip() or f".git/{name}")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
