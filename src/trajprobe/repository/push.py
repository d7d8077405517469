"""Pushes what was computed here, and says what another machine would still lack.

`dvc push` alone says nothing of stages that have changed since they ran, of a dvc.lock that git does not have, and of
files that are in no cache; it also makes a new folder where a shared one is not mounted.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.files.video_shards import CLIPS
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.repository.dvc_cache import dvc_files, outs_of
from trajprobe.repository.dvc_command import dvc, failure_reason, run_dvc
from trajprobe.repository.remotes import commits_between, remote_folder, stale_stages, verified_remote, why_not_begun

#: What git must have, so that a clone knows what was pushed and what it was made of.
COMMITTED = ("dvc.lock", "dvc.yaml", "params.yaml", "data", "metrics", "src", "stages")
#: How many names a line has.
SHOWN = 4


def push(report_progress: Callable[[str], object]) -> None:
    """Sends what dvc.lock and the .dvc files name, all but clips, to the default remote.

    What another machine would lack all the same is reported in a line each.

    Raises:
        UserError: there is no remote; it can't be reached or written to; nothing was computed yet; or files are neither
            in DVC's cache nor on the remote, which is found after all others were pushed.
    """
    check_repository_root()
    url = verified_remote("push")
    paths = [out["path"] for out in outs_of()]
    if not paths:
        raise UserError("dvc.lock: names no results, so that there is nothing to push; run `make repro`")
    _check_writable(url)
    report_progress(f"pushing to {url}")
    process = run_dvc("push")
    if process.returncode:
        raise UserError(_why_not_pushed(process, url))
    sent = re.search(r"(\d+) files? pushed", process.stdout)
    for note in _notes(paths):
        report_progress(note)
    states = json.loads(dvc("status", "--cloud", "--json"))  # "deleted" are files that only the remote has
    lacking = sorted(path for path, state in states.items() if state != "deleted")
    if lacking:
        raise UserError(_remedy(lacking, url))
    report_progress(
        f"{url} has it all, {sent[1] if sent else 0} files of it new; `make pull REMOTE={url}` fetches from it"
    )


def _why_not_pushed(process: subprocess.CompletedProcess[str], url: str) -> str:
    return why_not_begun(process, url) or f"{url}: {failure_reason(process)}"


def _check_writable(url: str) -> None:
    if url.startswith(("http://", "https://")):
        raise UserError(f"{url}: is read-only; push to the folder that it serves: `make push REMOTE=URL`")
    folder = remote_folder(url)
    # DVC would make all folders on the way, on this machine's own disk where a share is not mounted.
    if folder and not folder.parent.is_dir():
        raise UserError(f"{url}: there is no folder {folder.parent}; mount it, or make it, then push again")
    if folder and not (
        os.access(folder, os.W_OK) and folder.is_dir() if folder.exists() else os.access(folder.parent, os.W_OK)
    ):
        raise UserError(
            f"{url}: is no folder that you can write to; correct its rights, or set another: `make push REMOTE=URL`"
        )


def _notes(paths: Sequence[str]) -> list[str]:
    """What is not on the remote on purpose, or of no use there yet."""
    clips = [path for path in paths if Path(path).parent == CLIPS]
    stale = [name for name in stale_stages() if not name.endswith(".dvc")]
    notes = [f"{_listed(clips)}: not pushed, since clips are quicker to render again than to fetch"] if clips else []
    if stale:
        notes.append(
            f"{_listed(stale)}: changed since they last ran, so what was pushed is out of date; "
            "run `dvc repro`, then push again"
        )
    if changed := _uncommitted():
        notes.append(
            f"{_listed(changed)}: not committed, and a clone finds what was pushed by the committed dvc.lock alone; "
            "commit, then `git push`"
        )
    count, upstream = commits_between("@{upstream}..HEAD")
    if count:
        notes.append(f"{upstream} lacks {count} of the commits that are here; `git push` sends them")
    return notes


def _uncommitted() -> list[str]:
    """The files that git must have, as it names them, and has not as they are."""
    command = [
        "git",
        "-c",
        "core.quotePath=false",
        "status",
        "--porcelain",
        "--no-renames",
        "-z",
        "--untracked-files=all",
    ]
    shown = subprocess.run([*command, "--", *COMMITTED], capture_output=True, text=True, check=False)  # noqa: S603
    return [entry[3:] for entry in shown.stdout.split("\0") if entry]


def _remedy(lacking: Sequence[str], url: str) -> str:
    """What is to be done about files that are neither in DVC's cache nor on the remote."""
    imported = {file: file.with_suffix("") for file in dvc_files()}
    lost = {file for file, path in imported.items() if any(Path(one).is_relative_to(path) for one in lacking)}
    of_stages = [one for one in lacking if not any(Path(one).is_relative_to(imported[file]) for file in lost)]
    remedies = ["`dvc repro`, which makes them again"] if of_stages else []
    if lost:
        remedies.append(
            f"`dvc commit {shlex.join(map(str, sorted(lost)))}` where the files are good, or import them again"
        )
    return (
        f"{_listed(lacking)}: neither on {url} nor in DVC's cache here; run {', and '.join(remedies)}; then push again"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
