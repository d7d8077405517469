"""Where DVC's data lie beside this clone: adds a remote, and pulls from it what a laptop needs.

A laptop needs features and probe results, not the raw data, clips or weights. `dvc repro --pull --allow-missing` alone
will not do: it leaves the results that `compare` reads as a folder, and fails on clips, which are never pushed.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.feature_shards import FEATURES, folder, networks_of
from trajprobe.files.findings import FINDINGS
from trajprobe.files.labelling import LABELLING
from trajprobe.files.shards import Shards
from trajprobe.files.video_shards import CLIPS
from trajprobe.params import read
from trajprobe.repository.dvc_cache import locked, paths_of_objects
from trajprobe.repository.dvc_command import dvc, reason, run, show
from trajprobe.repository.tracking import check_top
from trajprobe.rows import RANDOM, Row, named_rows

NAME = "store"
SCHEMES = ("ssh", "s3", "http", "https")
TRACKS = "data/trajectories/tracks.npz"
PRETRAIN = Path("data/results/pretrain")
TABLE = Path("data/report/table.md")


def add(url: str, start: Path, endpoint: str | None = None) -> str:
    """Makes `url` this clone's default remote, verified, in .dvc/config.local, which git does not keep.

    Args:
        url: a folder (relative to `start`), or ssh://, s3://, http:// or https://.
        start: where the user stands.
        endpoint: the address of an S3 server that is not Amazon's.

    Raises:
        UserError: the address won't do.
    """
    check_top()
    place = _place(url, start)
    if endpoint and not place.startswith("s3://"):
        raise UserError(f"--endpoint: got it with {url}, expected it with s3://BUCKET/PATH; leave it out")
    dvc("remote", "add", "--local", "--force", "--quiet", "--default", NAME, place)
    for key, value in {"verify": "true", "endpointurl": endpoint}.items():
        if value:
            dvc("remote", "modify", "--local", NAME, key, value)
    then = (
        "it is read-only; `make pull` fetches"
        if place.startswith("http")
        else "`dvc push` fills it, `make pull` fetches"
    )
    return f"{place} is the default remote, `{NAME}` in .dvc/config.local, with verify = true; {then}"


def _place(url: str, start: Path) -> str:
    if "://" not in url:
        return str((start / Path(url).expanduser()).resolve())
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError as error:
        raise UserError(f"remote: got {url}, which is no address ({error}); mend it") from None
    if parts.scheme not in SCHEMES or not parts.netloc:
        expected = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise UserError(f"remote: got {url}, expected a folder or an address of {expected}; see docs/remotes.md")
    if secret is not None:
        shown = url.replace(f":{secret}@", ":...@")
        raise UserError(f"remote: got a password in {shown}, expected none; use a key, or see docs/remotes.md")
    return url


def pull(report: Callable[[str], object]) -> None:
    """Fetches features and results, and reruns what params.yaml has changed.

    Rows whose features are to be made again are reported first, with what they need here.

    Raises:
        UserError: there is no remote, it is not verified, or what it has is missing or damaged.
    """
    check_top()
    url = _verified_remote()
    values = read()
    outs = [str(out["path"]) for stage in locked().values() for out in stage.get("outs", ())]
    wanted = _wanted(values)
    _fetch([path for path in outs if path in wanted], url)
    rows = _stale_rows(values)
    for name, row in rows.items():
        report(f"features@{name} changed: {_needs(name, row)}")
    formats = sorted({row.clips for row in rows.values() if not (CLIPS / row.clips).is_dir()})
    if formats:
        report(f"clips are not pushed: rendering {', '.join(formats)} from {TRACKS}")
        _fetch([path for path in outs if path == TRACKS], url)
        _repro("--pull", "--allow-missing", "prepare")
        for name in formats:
            _repro("--single-item", f"render@{name}")
    _repro("--pull", "--allow-missing")


def _verified_remote() -> str:
    """The default remote's address."""
    config = dict(line.split("=", 1) for line in dvc("config", "--list").splitlines() if "=" in line)
    name = config.get("core.remote")
    if not name:
        raise UserError("no remote is set; run `make pull REMOTE=URL` with a folder, ssh://, s3:// or http:// address")
    if config.get(f"remote.{name}.verify", "").lower() != "true":
        raise UserError(
            f"remote {name}: expected verify = true, or DVC takes damaged files for whole; "
            f"run `dvc remote modify {name} verify true`"
        )
    return config[f"remote.{name}.url"]


def _wanted(values: dict[str, Any]) -> set[str]:
    rows = named_rows(values)
    paths = [FINDINGS, LABELLING, TABLE, *(FEATURES / name for name in rows), *map(probe_results.path, rows)]
    paths += [PRETRAIN / f"{name}.json" for name in values["pretrain"]]
    return set(map(str, paths))


def _fetch(targets: list[str], url: str) -> None:
    # DVC tells which object was damaged in its debug messages alone.
    done = run("pull", "--verbose", *targets) if targets else None
    if done is None or done.returncode == 0:
        return
    told = done.stdout + done.stderr
    objects = set(re.findall(r"corrupted cache file '\S*/(\w\w/\w{30})'", told))
    if not objects:
        raise UserError(
            f"{url}: does not give all that dvc.lock names ({reason(done)}); run `dvc push` where it was made"
        )
    names = paths_of_objects(Path(dvc("cache", "dir").strip()))
    held = {path for name in objects for path in names.get(name.replace("/", ""), ())}
    # Where the list of a folder is on the remote, `dvc push` takes its files to be there too.
    parents = {parent for path in held for parent in path.parents}
    lists = {f"{md5[:2]}/{md5[2:]}" for md5, paths in names.items() if parents & set(paths)}
    away = [f"{url}/files/md5/{name}" for name in sorted(objects | lists)]
    raise UserError(
        f"{', '.join(sorted(map(str, held)))}: damaged on the remote (md5 differs), and so refused; delete there "
        f"{', '.join(away)}, and `dvc push` where it is whole"
    )


def _stale_rows(values: dict[str, Any]) -> dict[str, Row]:
    """The rows whose features are to be made again."""
    # Not `dvc repro --dry`, which stops at the first stage whose clips are missing.
    stages = [name.partition("@") for name, changes in json.loads(dvc("status", "--json")).items() if _stale(changes)]
    rows = named_rows(values)
    return {name: rows[name] for stage, _, name in stages if stage == "features" and name in rows}


def _needs(name: str, row: Row) -> str:
    """What features of a row need on this machine, in a few words."""
    if row.is_control:
        return f"needs clips {row.clips}, no network"
    weights = "random weights alone" if row.weights == RANDOM else f"weights {row.weights}"
    devices = sorted({str(Shards(folder(of)).meta["device"]) for of in networks_of(name)})
    pulled = f"; pulled shards of the same recipe, made on {', '.join(devices)}, are taken" if devices else ""
    return f"needs clips {row.clips} and {weights}; runs on {os.environ.get('TRAJPROBE_DEVICE', 'cpu')}{pulled}"


def _stale(changes: list[Any]) -> bool:
    """Whether more has changed about a stage than that some of its dependencies are not here."""
    return any(
        isinstance(change, str)
        or "changed outs" in change
        or any(how != "deleted" for how in change["changed deps"].values())
        for change in changes
    )


def _repro(*arguments: str) -> None:
    if show("repro", *arguments):
        raise UserError(f"dvc repro {' '.join(arguments)}: failed, for the reason above; mend it and pull again")
