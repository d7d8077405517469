"""Adds a remote to this clone, and pulls from it what a laptop needs.

A laptop needs features and probe results, not the raw data, clips or weights. `dvc repro --pull --allow-missing` alone
is not enough: it does not fetch the results that `compare` reads as a folder, and fails on clips, which are not pushed.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from configobj import ConfigObj, ConfigObjError

from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.atomic import write_bytes
from trajprobe.files.feature_shards import FEATURES, RANDOM, folder, networks_of
from trajprobe.files.findings import FINDINGS, of_clips
from trajprobe.files.labelling import LABELLING
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.shards import Shards
from trajprobe.files.video_shards import CLIPS
from trajprobe.params import read
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.repository.dvc_cache import locked_stages, paths_by_object
from trajprobe.repository.dvc_command import dvc, failure_reason, run_dvc, run_dvc_in_terminal
from trajprobe.rows import Row, named_rows

#: The name that DVC has for the remote.
REMOTE = "store"
#: The configuration of this clone, which git ignores.
CONFIG = Path(".dvc/config.local")
SCHEMES = ("ssh", "s3", "http", "https")
TRACKS = "data/trajectories/tracks.npz"
#: What the first stage makes; all others depend on it.
CHECKED = "data/params.txt"
TABLE, PAGE, FIGURES = Path("data/report/table.md"), Path("data/report/report.html"), Path("data/report/figures")
#: What `report` shows of clips and weights, by row.
PICTURES = Path("data/pictures")


def add_remote(url: str, base: Path, endpoint: str | None = None) -> str:
    """Makes `url` the default remote of this clone, with `verify = true`, in .dvc/config.local, which git ignores.

    Args:
        url: a folder, or an address of ssh://, s3://, http:// or https://.
        base: the folder that a relative `url` starts from.
        endpoint: the address of the S3 server, where it is not Amazon's.

    Returns a line that says what was set.

    Raises:
        UserError: the address is of another kind, has a password, or characters that are not ASCII.
    """
    check_repository_root()
    address = _address(url, base)
    if endpoint and not address.startswith("s3://"):
        raise UserError(f"--endpoint: got {endpoint!r} with {url}, expected it with s3://BUCKET/PATH; leave it out")
    _set_default_remote({"url": address, "verify": "true"} | ({"endpointurl": endpoint} if endpoint else {}))
    read_only = address.startswith("http")
    usage = (
        "it is read-only; `make pull` fetches from it"
        if read_only
        else "`dvc push` fills it, `make pull` fetches from it"
    )
    return f"{address} is the default remote, `{REMOTE}` in .dvc/config.local, with verify = true; {usage}"


def _set_default_remote(options: dict[str, str]) -> None:
    """Sets the default remote as `dvc remote add --local --force --default` does, in one step that can't be cut off.

    DVC's own command empties the file first, and leaves it empty where it can't write a value.

    Raises:
        UserError: an option, or another one of the file, can't be written by DVC; or the file can't be read.
    """
    try:
        lines = CONFIG.read_text(encoding="utf-8").splitlines() if CONFIG.exists() else []
        config = ConfigObj(lines, interpolation=False)
    except (ConfigObjError, UnicodeDecodeError) as error:
        raise UserError(f"{CONFIG}: cannot be read ({error}); correct it, or rename it") from None
    config.setdefault("core", {})["remote"] = REMOTE
    config[f'remote "{REMOTE}"'] = options
    text = "\n".join(config.write()) + "\n"
    if not text.isascii():
        raise UserError(
            f"URL: got {options['url']!r}, expected ASCII characters alone, in it and in all of {CONFIG}: where DVC "
            "meets others, it empties that file; use another path, for example that of a symbolic link"
        )
    write_bytes(CONFIG, text.encode())


def _address(url: str, base: Path) -> str:
    if "://" not in url:
        return os.path.abspath(base / Path(url).expanduser())  # noqa: PTH100 (symbolic links stay)
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError as error:
        raise UserError(f"URL: got {url!r}, which is no address ({error}); correct it") from None
    if parts.scheme not in SCHEMES or not parts.netloc:
        expected = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise UserError(
            f"URL: got {url!r}, expected a folder or an address of {expected}; see docs/caching-and-remotes.md"
        )
    if password is not None:
        shown = url.replace(f":{password}@", ":...@")
        raise UserError(f"URL: got a password in {shown}, expected none; use a key, or see docs/caching-and-remotes.md")
    return url


def pull(report_progress: Callable[[str], object]) -> None:
    """Fetches features and results, and reruns the stages whose parameters have changed.

    The rows whose features must be computed again are reported first, with what they need on this machine.

    Raises:
        UserError: there is no remote; it is not set to `verify = true`; or files on it are missing or damaged.
    """
    check_repository_root()
    url = _verified_remote()
    values = read()
    outs = [str(out["path"]) for stage in locked_stages().values() for out in stage.get("outs", ())]
    needed = _needed_outputs(values)
    _fetch([path for path in outs if path in needed], url)
    stale, rows = _stale_stages(), named_rows(values)
    for stage, name in stale:
        if stage == "features" and name in rows:
            report_progress(f"features@{name} changed: {_needs(name, rows[name])}")
    wanted = {rows[name].clips for stage, name in stale if stage in ("features", "pictures") and name in rows}
    formats = sorted(name for name in wanted if not (CLIPS / name).is_dir())
    if formats:
        report_progress(f"clips are not pushed: rendering {', '.join(formats)} from {TRACKS}")
        _fetch([path for path in outs if path in (TRACKS, CHECKED)], url)
        _repro("--pull", "--allow-missing", "prepare")
        for name in formats:
            _repro("--single-item", f"render@{name}")
    _repro("--pull", "--allow-missing")


def _verified_remote() -> str:
    """The address of the default remote, which must be set to `verify = true`."""
    config = dict(line.split("=", 1) for line in dvc("config", "--list").splitlines() if "=" in line)
    name = config.get("core.remote")
    if not name:
        raise UserError("no remote is set; run `make pull REMOTE=URL` with a folder, ssh://, s3:// or http:// address")
    if config.get(f"remote.{name}.verify", "").lower() != "true":
        raise UserError(
            f"remote {name}: expected verify = true, since DVC does not notice damaged files without it; "
            f"run `dvc remote modify {name} verify true`"
        )
    return config[f"remote.{name}.url"]


def _needed_outputs(values: dict[str, Any]) -> set[str]:
    rows = named_rows(values)
    paths = [FINDINGS, LABELLING, TABLE, PAGE, FIGURES, *map(probe_results.path, rows)]
    paths += [folder / name for folder in (FEATURES, PICTURES) for name in rows]
    paths += [probe_results.PRETRAINING / f"{name}.json" for name in values["pretrain"]]
    paths += map(of_clips, values["clips"])
    return set(map(str, paths))


def _fetch(targets: list[str], url: str) -> None:
    # DVC names a damaged object in its debug messages alone.
    process = run_dvc("pull", "--verbose", *targets) if targets else None
    if process is None or process.returncode == 0:
        return
    objects = set(re.findall(r"corrupted cache file '\S*/(\w\w/\w{30})'", process.stdout + process.stderr))
    if not objects:
        raise UserError(_why_not_pulled(process, url))
    paths = paths_by_object(cache_folder())
    damaged = {path for name in objects for path in paths.get(name.replace("/", ""), ())}
    # `dvc push` skips the files of a folder whose list is on the remote, so that the list must be deleted too.
    folders = {folder for path in damaged for folder in path.parents}
    lists = {f"{md5[:2]}/{md5[2:]}" for md5, of_object in paths.items() if folders & set(of_object)}
    remote_objects = [f"{url}/files/md5/{name}" for name in sorted(objects | lists)]
    raise UserError(
        f"{', '.join(sorted(map(str, damaged)))}: damaged on the remote (md5 differs), so not fetched; on a machine "
        f"where `trajprobe cache verify` finds them intact, delete {', '.join(remote_objects)}, then run `dvc push`"
    )


def _why_not_pulled(process: subprocess.CompletedProcess[str], url: str) -> str:
    reason = failure_reason(process)
    if "unsaved files" in reason:
        paths = process.stderr.rpartition("`--force` to force.")[2].split("\n\n")[0].split("\n")
        names = ", ".join(os.path.relpath(path.strip()) for path in paths if path.strip())
        return f"{names}: changed here, and DVC has no copy of it; move it to another folder, then pull again"
    if "Unable to acquire lock" in reason:
        return "another process of DVC runs in this repository; pull again when it has ended"
    if re.search("Checkout failed|failed to (download|fetch)|[Mm]issing cache files|does not exist", reason):
        return f"{url}: lacks files that dvc.lock names ({reason}); run `dvc push` on the machine that made them"
    return f"{url}: {reason}"


def _stale_stages() -> list[tuple[str, str]]:
    """The stages that run again, each with the row, format or recipe that it is of."""
    # Not `dvc repro --dry`, which stops at the first stage whose clips are missing.
    names = [name.partition("@") for name, changes in json.loads(dvc("status", "--json")).items() if _stale(changes)]
    return [(stage, of) for stage, _, of in names]


def _needs(name: str, row: Row) -> str:
    """What features of a row need on this machine, in a few words."""
    if row.is_control:
        return f"needs clips {row.clips}, no network"
    weights = "random weights alone" if row.weights == RANDOM else f"weights {row.weights}"
    devices = sorted({str(Shards(folder(of)).meta["device"]) for of in networks_of(name)})
    pulled = f"; pulled shards of the same recipe, made on {', '.join(devices)}, are taken" if devices else ""
    return f"needs clips {row.clips} and {weights}; runs on {os.environ.get('TRAJPROBE_DEVICE', 'cpu')}{pulled}"


def _stale(changes: list[Any]) -> bool:
    """Whether a stage has changed in more than that some of its dependencies are missing."""
    return any(
        isinstance(change, str)
        or "changed outs" in change
        or any(how != "deleted" for how in change["changed deps"].values())
        for change in changes
    )


def _repro(*arguments: str) -> None:
    if run_dvc_in_terminal("repro", *arguments):
        raise UserError(f"dvc repro {' '.join(arguments)}: failed for the reason above; correct that and pull again")
