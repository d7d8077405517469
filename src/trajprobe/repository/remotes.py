"""The default remote of this clone: how it is set, what it must be, and why it can't be reached."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from configobj import ConfigObj, ConfigObjError

from trajprobe.errors import UserError
from trajprobe.files.atomic import write_bytes
from trajprobe.repository.dvc_add import check_repository_root
from trajprobe.repository.dvc_command import dvc

#: The name that DVC has for the remote.
REMOTE = "store"
#: The configuration of this clone, which git ignores.
CONFIG = Path(".dvc/config.local")
SCHEMES = ("ssh", "s3", "http", "https")
#: What `make push` and `make pull` go to, in words.
KINDS = {"push": "a folder, ssh:// or s3://", "pull": "a folder, ssh://, s3:// or http://"}
#: What DVC says first of why a transfer failed; the last thing that it says is how many files failed.
REASON = re.compile(r"ERROR: (?:unexpected error|failed to (?:connect to|transfer) .*?) - (.+)")
#: What it says where the remote is there, and a file is not.
ABSENT = re.compile(r"\[Errno 2\]|No such file|\b404\b|NoSuchKey")


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
        else "`make push` fills it, `make pull` fetches from it"
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


def verified_remote(command: str) -> str:
    """The address of the default remote, which must be set to `verify = true`; `command` is `push` or `pull`."""
    config = dict(line.split("=", 1) for line in dvc("config", "--list").splitlines() if "=" in line)
    name = config.get("core.remote")
    url = config.get(f"remote.{name}.url")
    if not name or not url:
        raise UserError(f"no remote is set; run `make {command} REMOTE=URL` with {KINDS[command]} address")
    if config.get(f"remote.{name}.verify", "").lower() != "true":
        raise UserError(
            f"remote {name}: expected verify = true, since DVC does not notice damaged files without it; "
            f"run `dvc remote modify {name} verify true`"
        )
    return url


def remote_folder(url: str) -> Path | None:
    """The folder that a remote is, None where it is a server; a relative one starts from DVC's settings."""
    return None if "://" in url else Path(".dvc", url)


def why_not_begun(process: subprocess.CompletedProcess[str], url: str) -> str | None:
    """Why a transfer failed, where another process of DVC runs, or the remote can't be reached or refuses."""
    if "Unable to acquire lock" in process.stderr:
        return "another process of DVC runs in this repository; try again when it has ended"
    folder = remote_folder(url)
    if folder and not folder.is_dir():
        return f"{url}: there is no such folder; mount it, or set another one by `REMOTE=URL`"
    reason = REASON.search(process.stderr)
    if not reason or ABSENT.search(reason[1]):
        return None
    return f"{url}: can't be reached, or refuses: {' '.join(reason[1].split())}; correct that and try again"


def stale_stages() -> list[str]:
    """The stages that would run again, as `dvc repro` names them."""
    # Not `dvc repro --dry`, which stops at the first stage whose clips are missing.
    return [name for name, changes in json.loads(dvc("status", "--json")).items() if _is_stale(changes)]


def _is_stale(changes: list[Any]) -> bool:
    """Whether a stage has changed in more than that some of its dependencies are missing."""
    return any(
        isinstance(change, str)
        or "changed outs" in change
        or any(how != "deleted" for how in change["changed deps"].values())
        for change in changes
    )


def commits_between(commits: str) -> tuple[int, str]:
    """How many commits a range of git's has that names `@{upstream}`, and that branch; 0 where there is none."""
    asked = (("rev-list", "--count", commits), ("rev-parse", "--abbrev-ref", "@{upstream}"))
    answers = [subprocess.run(["git", *words], capture_output=True, text=True, check=False) for words in asked]  # noqa: S603, S607
    if any(answer.returncode for answer in answers):
        return 0, ""
    return int(answers[0].stdout), answers[1].stdout.strip()
