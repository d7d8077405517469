"""Brings imported data sets and weights back from DVC's cache, as they were imported."""

import shutil
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.atomic import file_md5
from trajprobe.repository.dvc_add import added_to_dvc, cached_object, check_repository_root


def restore(path: Path) -> str:
    """Makes `path` and its .dvc file what they were after the import. No bytes are lost.

    Returns a line that says what was done.

    Raises:
        UserError: `path` was not imported, or DVC's cache lacks a file, or holds no copy of what would be replaced.
    """
    check_repository_root()
    md5s = imported.recorded(path)
    if not md5s:
        what = "data/raw/NAME.npz or data/weights/NAME of something that was imported"
        raise UserError(f"PATH: got {str(path)!r}, expected {what}; `trajprobe data list` has the data sets")
    pointer = imported.dvc_file(path)
    # Anyone may have written the .dvc file: a name in it must not lead out of the folder that is written.
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in md5s):
        raise UserError(f"{pointer}: got a file outside of {path}, expected names in it; `git checkout {pointer}`")
    is_file = list(md5s) == [path.name] and not path.is_dir()
    objects = {name: cached_object(md5) for name, md5 in md5s.items()}
    if lost := [name for name, place in objects.items() if not _is_whole(place)]:
        raise UserError(
            f"{path}: DVC's cache has no intact copy of {', '.join(lost)}; import it again with --force, or where a "
            f"remote has it run `git checkout HEAD {pointer} && dvc pull {path}`"
        )
    present = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    if own := [str(file) for file in present if not _is_whole(cached_object(file_md5(file)))]:
        raise UserError(f"{', '.join(own)}: has content that DVC does not hold; move it elsewhere, then restore")
    with added_to_dvc(path) as new:
        for name, place in objects.items():
            target = new if is_file else new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, target)
    return f"{path}: is as it was imported"


def _is_whole(place: Path) -> bool:
    """Whether DVC's cache holds this object, undamaged."""
    return place.is_file() and file_md5(place) == place.parent.name + place.name
