"""The files that a user imported, and the md5 that each had then.

`dvc repro` takes over whatever it finds in a file that it only holds: it puts a damaged data set into its cache and its
md5 into the .dvc file, before a stage can refuse. So an import records each md5 in the .dvc file, under `meta`, which
DVC leaves as it is. A stage compares them, and `trajprobe restore` finds the imported files in DVC's cache.
"""

import hashlib
import io
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_md5, write_bytes
from trajprobe.files.reading import mend
from trajprobe.params import parse_yaml

IMPORTED, ORIGIN = "imported", "origin"


def dvc_file(path: Path) -> Path:
    """The .dvc file of `path`: git keeps it, and it names what DVC holds."""
    return path.with_name(path.name + ".dvc")


def record(path: Path, origin: str | None = None) -> None:
    """Writes the .dvc file of an imported file or folder, with the md5 of each file; `dvc add` completes it.

    `origin` says what it was imported from; by default what the .dvc file says already.
    """
    md5s = {name: file_md5(file) for name, file in sorted(_files(path).items())}
    meta: dict[str, Any] = {IMPORTED: md5s}
    if origin := origin or recorded_origin(path):
        meta[ORIGIN] = origin
    text = io.StringIO()
    YAML(typ="safe").dump({"meta": meta, "outs": [{"path": path.name}]}, text)
    write_bytes(dvc_file(path), text.getvalue().encode())


def recorded(path: Path) -> dict[str, str]:
    """The md5 of each file of `path`, by its name in that folder, as imported; {} for what was not imported.

    Raises:
        UserError: the .dvc file is damaged.
    """
    try:
        return {str(name): str(md5) for name, md5 in _meta(path).get(IMPORTED, {}).items()}
    except AttributeError:
        raise UserError(_damaged(path)) from None


def recorded_origin(path: Path) -> str | None:
    """What `path` was imported from; None where its .dvc file does not say it.

    Raises:
        UserError: the .dvc file is damaged.
    """
    origin = _meta(path).get(ORIGIN)
    return None if origin is None else str(origin)


def dvc_md5(path: Path) -> str:
    """The md5 that the .dvc file of `path` had after the import: of the file, or of DVC's list of a folder's files."""
    md5s = recorded(path)
    if list(md5s) == [path.name]:
        return md5s[path.name]
    listing = [{"md5": md5s[name], "relpath": name} for name in sorted(md5s, key=lambda name: name.split("/"))]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def check(path: Path, without: Collection[str] = ()) -> None:
    """Refuses a file of `path` that is not the one that was imported; what was not imported passes.

    Args:
        path: a file or a folder.
        without: names of files that need no check here.

    Raises:
        UserError: a file differs, or is missing.
    """
    files = _files(path)
    for name, md5 in recorded(path).items():
        if name not in without and (name not in files or file_md5(files[name]) != md5):
            raise UserError(f"{files.get(name, path / name)}: is not the file that was imported; {remedy(path)}")


def remedy(path: Path) -> str:
    """How to restore a damaged file or folder that DVC holds, or made; the end of an error's message."""
    if recorded(path):
        return f"`trajprobe restore {path}` brings that one back; another import with --force replaces it"
    return mend(path)


def _meta(path: Path) -> dict[str, Any]:
    """What the .dvc file of `path` has under `meta`; {} where there is no such file."""
    try:
        content = parse_yaml(dvc_file(path).read_text(encoding="utf-8"), dvc_file(path))
        return dict(content.get("meta", {}))
    except FileNotFoundError:
        return {}
    except (UserError, UnicodeDecodeError, AttributeError, TypeError, ValueError):
        raise UserError(_damaged(path)) from None


def _damaged(path: Path) -> str:
    return f"{dvc_file(path)}: is damaged; `git checkout {dvc_file(path)}` brings it back"


def _files(path: Path) -> dict[str, Path]:
    """The files of a folder by their name in it; a file is the only one of itself."""
    if path.is_file():
        return {path.name: path}
    return {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
