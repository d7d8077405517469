"""Checks DVC's cache: the name of an object is its md5, and DVC itself does not hash it again."""

import shlex
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_md5
from trajprobe.files.locked_shards import LOCK, cache_folder
from trajprobe.files.reading import parse_json
from trajprobe.params import parse_yaml
from trajprobe.repository.dvc_add import check_repository_root

#: The stage on which all others depend. Of its parameters they see nothing: an edit of any row has it run, no more.
CHECK = "check"
#: The suffix of an object that lists the files of a folder.
DIRECTORY = ".dir"
#: Where a damaged object goes that no stage makes again: what a user brought in may have no other copy.
PUT_ASIDE = ".dvc/tmp/damaged"


class Out(TypedDict):
    """A file or folder that DVC holds, as dvc.lock or a .dvc file names it."""

    path: str
    md5: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
    size: NotRequired[int]
    nfiles: NotRequired[int]
    hash: NotRequired[str]


class _Dep(TypedDict):
    path: str
    md5: NotRequired[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}(\.dir)?$")]]
    size: NotRequired[int]
    nfiles: NotRequired[int]
    hash: NotRequired[str]


class Stage(TypedDict):
    """A stage in dvc.lock."""

    cmd: str
    deps: NotRequired[list[_Dep]]
    params: NotRequired[dict[str, dict[str, Any]]]
    outs: NotRequired[list[Out]]


class _Lock(TypedDict):
    schema: Literal["2.0"]
    stages: dict[str, Stage]


class _Pointer(TypedDict):
    outs: Annotated[list[Out], msgspec.Meta(min_length=1)]


def verify_objects(report_progress: Callable[[str], object]) -> str:
    """Hashes every object of DVC's cache; returns a line that says how many there are.

    Args:
        report_progress: is called with a line for each damaged object: its files, and how to be rid of the damage.

    Raises:
        UserError: some objects are damaged.
    """
    check_repository_root()
    cache = cache_folder().absolute()
    objects = sorted((cache / "files/md5").glob("[0-9a-f][0-9a-f]/*"))
    damaged = [path for path in objects if path.suffix != ".tmp" and file_md5(path) != _named_md5(path)]
    paths, imported = paths_by_object(cache), set(dvc_files())
    for path in damaged:
        files, md5 = paths.get(path.parent.name + path.name, []), file_md5(path)
        # Files with the damaged bytes came from this object. Any other bytes may be the only copy, and stay.
        copies = [file for file in files if file.is_file() and file_md5(file) == md5]
        owners = ", ".join(map(str, files)) or "of another branch or an earlier run"
        if any(
            above.with_name(above.name + ".dvc") in imported for file in files for above in (file, *file.parents[:-1])
        ):
            # All but a few bits may be there, and nowhere else.
            moved = shlex.join([str(path), f"{PUT_ASIDE}/{path.parent.name}{path.name}"])
            rest = f" && rm -f {shlex.join(map(str, copies))}" if copies else ""
            remedy = f"put it aside: mkdir -p {PUT_ASIDE} && mv {moved}{rest}"
        else:
            remedy = f"delete it: rm -f {shlex.join(map(str, [path, *copies]))}"
        report_progress(f"{path}: got md5 {md5}, expected that of its name ({owners}); {remedy}")
    if damaged:
        raise UserError(
            f"{cache}: {len(damaged)} of {len(objects)} objects are damaged; do what stands above, then run "
            "`trajprobe pull` to fetch them or `dvc repro` to make them again (`dvc commit` restores an object "
            "from a file in the workspace that is not damaged)"
        )
    return f"{cache}: all {len(objects)} objects are intact"


def paths_by_object(cache: Path) -> dict[str, list[Path]]:
    """The files that dvc.lock and the .dvc files name, by the md5 of their object.

    Files inside folders are included where the cache has the folder's list.

    Raises:
        UserError: dvc.lock or a .dvc file is damaged.
    """
    paths = defaultdict[str, list[Path]](list)
    for out in outs_of():
        path, md5 = Path(out["path"]), out["md5"]
        paths[md5].append(path)
        for name, its_md5 in _listing(cache / "files/md5" / md5[:2] / md5[2:]) if md5.endswith(DIRECTORY) else ():
            paths[its_md5].append(path / name)
    return paths


def locked_stages() -> dict[str, Stage]:
    """The stages of dvc.lock; none where there is no such file.

    Raises:
        UserError: the file is empty, cut short or damaged.
    """
    if not LOCK.is_file():
        return {}
    try:
        return stages_of(LOCK.read_text(encoding="utf-8"), LOCK)
    except (UnicodeDecodeError, UserError):
        raise UserError(_damaged(LOCK)) from None


def stages_of(text: str, where: object) -> dict[str, Stage]:
    """The stages of the text of a dvc.lock; `where` begins the message when it is refused.

    Raises:
        UserError: it is empty, cut short or damaged.
    """
    try:
        return msgspec.convert(parse_yaml(text, where), _Lock)["stages"]
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: is no dvc.lock: {error}") from None


def dvc_files() -> list[Path]:
    """The .dvc files of what users brought in."""
    return sorted(Path("data").rglob("*.dvc"))


def pointed_outs(dvc_file: Path) -> list[Out]:
    """The outs of a .dvc file, their paths from the root of the repository.

    Raises:
        UserError: the file is empty, cut short or damaged.
    """
    try:
        outs = msgspec.convert(_yaml(dvc_file), _Pointer)["outs"]
    except (msgspec.ValidationError, UnicodeDecodeError, UserError):
        raise UserError(_damaged(dvc_file)) from None
    return [{**out, "path": (dvc_file.parent / out["path"]).as_posix()} for out in outs]


def outs_of() -> Iterator[Out]:
    """What dvc.lock and the .dvc files name: `path`, `md5` and, of a file, `size`.

    Raises:
        UserError: one of these files is empty, cut short or damaged.
    """
    for stage in locked_stages().values():
        yield from stage.get("outs", [])
    for dvc_file in dvc_files():
        yield from pointed_outs(dvc_file)


def _yaml(path: Path) -> Any:
    return parse_yaml(path.read_text(encoding="utf-8"), path)


def _damaged(path: Path) -> str:
    """What is to be done about a file that git may have."""
    quoted = shlex.quote(str(path))
    for revision, command in (("", f"git checkout {quoted}"), ("HEAD", f"git checkout HEAD {quoted}")):
        shown = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True, check=False)  # noqa: S603, S607
        if shown.returncode == 0 and shown.stdout.strip() and shown.stdout != path.read_bytes():
            return f"{path}: is cut short or damaged; run `{command}`"
    then = "run `dvc repro`" if path.name == "dvc.lock" else "import or add its data again"
    return f"{path}: is cut short or damaged, and git does not have it; run `mv {quoted} {quoted}.damaged`, then {then}"


def _listing(path: Path) -> list[tuple[str, str]]:
    try:
        return [(entry["relpath"], entry["md5"]) for entry in parse_json(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError):  # the list is missing, or is itself damaged
        return []


def _named_md5(path: Path) -> str:
    return path.parent.name + path.name.removesuffix(DIRECTORY)
