"""Where weights come from: a path that the user gives, or the hub, held to what an earlier download has recorded."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trajprobe.backbones.weights import PROVENANCE
from trajprobe.errors import UserError
from trajprobe.files.atomic import read_json
from trajprobe.published.checkpoint import digest
from trajprobe.published.source import Origin, Place, Source


def given(source: Source, path: Path) -> Origin:
    """What the user has at `path`.

    Raises:
        UserError: it can't be read, or isn't what `source` takes.
    """
    files = source.given(path)
    sha256 = {name: digest(file) for name, file in files.items()}
    told = {"files": sha256} | ({"folder": path.resolve().name} if path.is_dir() else {})
    return Origin(files, sha256, {"source": told})


def downloaded(place: Place, folder: Path, tell: Callable[[str], object]) -> Origin:
    """The files of `place`, at the commit and with the hashes that provenance.json in `folder` has recorded, if any.

    Raises:
        UserError: the hub can't be reached or refuses; a file is missing, or is not the recorded or the stated one.
    """
    from trajprobe.published import hub  # not needed for a file that the user has

    revision, recorded = _recorded(place, folder)
    if revision and re.fullmatch("[0-9a-f]{40}", place.revision) and revision != place.revision:
        raise UserError(
            f"{folder / PROVENANCE}: got commit {revision} of {place.repository}, expected {place.revision} as its row "
            f"pins; mend the row, or delete {folder} to take what it pins"
        )
    release = hub.look_up(place, revision or place.revision)
    tell(release.terms)

    def check(name: str, got: str | None, again: str = "") -> None:
        another = f"give what was recorded with --from, or delete {folder} to take what is there now"
        for expected, says, remedies in (
            (recorded.get(name), f"{folder / PROVENANCE} has recorded", (again, another)),
            (release.sha256.get(name), "the hub says", (again,)),
        ):
            if None not in (got, expected) and got != expected:
                where = f"{place.repository}/{name} at {release.revision}"
                remedy = "; else ".join(filter(None, remedies))
                raise UserError(f"{where}: got sha256 {got}, expected {expected} as {says}; {remedy}")

    for name in release.files:  # before gigabytes are downloaded for nothing
        check(name, release.sha256.get(name))
    files = hub.download(release)
    sha256 = {name: digest(path) for name, path in files.items()}
    for name, path in files.items():
        check(name, sha256[name], f"delete {path.resolve()} and try again")
    told = {"repository": release.repository, "revision": release.revision, "files": sha256}
    return Origin(files, sha256, {"source": told, "licence": release.licence})


def _recorded(place: Place, folder: Path) -> tuple[str | None, dict[str, str]]:
    """The commit and the files' sha256 of an earlier download, to which a later one is held; none where none was."""
    path = folder / PROVENANCE
    told: Any = read_json(path) if path.is_file() else {}
    origin = told.get("source") if isinstance(told, dict) else None
    if not isinstance(origin, dict) or origin.get("repository") != place.repository:
        return None, {}
    return origin.get("revision"), origin.get("files", {})
