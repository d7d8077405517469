"""Pulls from the remote what a laptop needs, and runs what has changed there.

A laptop needs features and probe results, not the raw data, clips or weights. `dvc repro --pull --allow-missing` alone
is not enough: it does not fetch the results that `compare` reads as a folder, and fails on clips, which are not pushed.
"""

import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.content_key import SHARED_CODE
from trajprobe.files.feature_shards import FEATURES, RANDOM, folder, networks_of
from trajprobe.files.findings import FINDINGS, of_clips
from trajprobe.files.labelling import LABELLING
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.shards import Shards
from trajprobe.files.video_shards import CLIPS
from trajprobe.params import read
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.repository.dvc_cache import CHECK, locked_stages, paths_by_object
from trajprobe.repository.dvc_command import failure_reason, run_dvc, run_dvc_in_terminal
from trajprobe.repository.remotes import commits_between, stale_stages, verified_remote, why_not_begun
from trajprobe.rows import Row, named_rows

TRACKS = "data/trajectories/tracks.npz"
TABLE, PAGE, FIGURES = Path("data/report/table.md"), Path("data/report/report.html"), Path("data/report/figures")
#: What `report` shows of clips and weights, by row.
PICTURES = Path("data/pictures")
#: Stages of each row, all of whose outputs are needed.
OF_ROWS = ("features", "probe", "pictures")


def pull(report_progress: Callable[[str], object]) -> None:
    """Fetches features and results, and reruns the stages whose parameters have changed.

    The rows whose features must be computed again are reported first, with what they need on this machine.

    Raises:
        UserError: there is no remote; it is not set to `verify = true`; or files on it are missing or damaged.
    """
    check_repository_root()
    url, behind = verified_remote("pull"), _commits_behind()
    if behind:
        report_progress(behind)
    values, locked = read(), locked_stages()
    rows = named_rows(values)
    outs = {name: [str(out["path"]) for out in stage.get("outs", ())] for name, stage in locked.items()}
    _fetch(_targets(outs, rows, _needed_outputs(rows, values)), url)
    changed = stale_stages()
    if CHECK in changed:
        _repro(CHECK)  # which says whether all others have changed
        changed = stale_stages()
    stale = [name.partition("@")[::2] for name in changed]
    for stage, name in stale:
        if stage == "features" and name in rows:
            state = "changed" if f"features@{name}" in locked else "is not in the dvc.lock that is here"
            report_progress(f"features@{name} {state}: {_needs(name, rows[name])}")
    wanted = {rows[name].clips for stage, name in stale if stage in ("features", "pictures") and name in rows}
    formats = sorted(name for name in wanted if not (CLIPS / name).is_dir())
    if formats:
        report_progress(f"clips are not pushed: rendering {', '.join(formats)} from {TRACKS}")
        _fetch([[path for path in chain(*outs.values()) if path == TRACKS]], url)
        _repro("--pull", "--allow-missing", "prepare")
        for name in formats:
            _repro("--single-item", f"render@{name}")
    _repro("--pull", "--allow-missing")


def _targets(outs: dict[str, list[str]], rows: Collection[str], needed: set[str]) -> Iterator[list[str]]:
    """What DVC is to fetch, one command after the other, of the outputs of the stages in dvc.lock.

    DVC reads dvc.yaml and dvc.lock anew for each target, so that one name stands for a stage of all rows, where all are
    in dvc.lock. Names and paths are not mixed: DVC 3.67 then fetches nothing, and says that all is there.
    """
    groups = [of for of in OF_ROWS if all(f"{of}@{name}" in outs for name in rows)]
    yield groups
    others = [paths for stage, paths in outs.items() if stage.partition("@")[0] not in groups]
    yield [path for path in chain(*others) if path in needed]


def _needed_outputs(rows: Collection[str], values: dict[str, Any]) -> set[str]:
    paths = [SHARED_CODE, FINDINGS, LABELLING, TABLE, PAGE, FIGURES, *map(probe_results.path, rows)]
    paths += [folder / name for folder in (FEATURES, PICTURES) for name in rows]
    paths += [probe_results.PRETRAINING / f"{name}.json" for name in values["pretrain"]]
    paths += map(of_clips, values["clips"])
    return set(map(str, paths))


def _fetch(targets: Iterable[list[str]], url: str) -> None:
    """Fetches some targets with each command; what is damaged is told of all of them at once."""
    objects: set[str] = set()
    for of_one in filter(None, targets):
        # DVC names a damaged object in its debug messages alone.
        process = run_dvc("pull", "--verbose", *of_one)
        if process.returncode:
            corrupted = re.findall(r"corrupted cache file '\S*/(\w\w/\w{30})'", process.stdout + process.stderr)
            if not corrupted:
                raise UserError(_why_not_pulled(process, url))
            objects.update(corrupted)
    if not objects:
        return
    paths = paths_by_object(cache_folder())
    damaged = {path for name in objects for path in paths.get(name.replace("/", ""), ())}
    # `dvc push` skips the files of a folder whose list is on the remote, so that the list must be deleted too.
    folders = {folder for path in damaged for folder in path.parents}
    lists = {f"{md5[:2]}/{md5[2:]}" for md5, of_object in paths.items() if folders & set(of_object)}
    remote_objects = [f"{url}/files/md5/{name}" for name in sorted(objects | lists)]
    raise UserError(
        f"{', '.join(sorted(map(str, damaged)))}: damaged on the remote (md5 differs), so not fetched; on a machine "
        f"where `trajprobe cache verify` finds them intact, delete {', '.join(remote_objects)}, then run `make push`"
    )


def _why_not_pulled(process: subprocess.CompletedProcess[str], url: str) -> str:
    reason = failure_reason(process)
    if "unsaved files" in reason:
        paths = process.stderr.rpartition("`--force` to force.")[2].split("\n\n")[0].split("\n")
        names = ", ".join(os.path.relpath(path.strip()) for path in paths if path.strip())
        return f"{names}: changed here, and DVC has no copy of it; move it to another folder, then pull again"
    if why := why_not_begun(process, url):
        return why
    if re.search("Checkout failed|failed to (download|fetch)|[Mm]issing cache files|does not exist", reason):
        return f"{url}: lacks files that dvc.lock names ({reason}); run `make push` on the machine that made them"
    return f"{url}: {reason}"


def _commits_behind() -> str | None:
    """What the upstream branch has and this one has not, since a pull follows the dvc.lock that is here."""
    count, upstream = commits_between("HEAD..@{upstream}")
    if not count:
        return None
    return f"{count} of the commits on {upstream} are not in this branch: `git merge {upstream}` brings their dvc.lock"


def _needs(name: str, row: Row) -> str:
    """What features of a row need on this machine, in a few words."""
    if row.is_control:
        return f"needs clips {row.clips}, no network"
    weights = "random weights alone" if row.weights == RANDOM else f"weights {row.weights}"
    devices = sorted({str(Shards(folder(of)).meta["device"]) for of in networks_of(name)})
    pulled = f"; pulled shards of the same recipe, made on {', '.join(devices)}, are taken" if devices else ""
    return f"needs clips {row.clips} and {weights}; runs on {os.environ.get('TRAJPROBE_DEVICE', 'cpu')}{pulled}"


def _repro(*arguments: str) -> None:
    if run_dvc_in_terminal("repro", *arguments):
        raise UserError(f"dvc repro {' '.join(arguments)}: failed for the reason above; correct that and pull again")
