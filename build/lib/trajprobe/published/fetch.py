"""Fetches published files from a path of the user's or from the hub.

Files from the hub must have the commit and the hashes that an earlier download recorded.
"""

import re
from collections.abc import Callable
from pathlib import Path

from trajprobe.backbones.weights import PROVENANCE, provenance
from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.params import parse
from trajprobe.published.source import HubRepository, LocalFiles, Source


def files_from_path(source: Source, path: Path) -> LocalFiles:
    """The user's files at `path`.

    Raises:
        UserError: a file can't be read, or `source` has no use for what is at `path`.
    """
    paths = source.files_at(path)
    sha256 = {name: readable_sha256(file) for name, file in paths.items()}
    record = {"files": sha256} | ({"folder": path.resolve().name} if path.is_dir() else {})
    return LocalFiles(paths, sha256, {"source": record})


def files_from_hub(repository: HubRepository, folder: Path, report_progress: Callable[[str], object]) -> LocalFiles:
    """The files of `repository`, held to the commit and the hashes in the provenance.json of `folder`, if it exists.

    Raises:
        UserError: the hub can't be reached or refuses; a file is missing; or its sha256 is not the one that
            provenance.json or the hub states.
    """
    from trajprobe.published import hub  # slow to import, and not needed for files from a path

    revision, recorded = _recorded(repository, folder)
    if revision and re.fullmatch("[0-9a-f]{40}", repository.revision) and revision != repository.revision:
        raise UserError(
            f"{folder / PROVENANCE}: got commit {revision} of {repository.repo_id}, expected {repository.revision} as "
            f"its row pins; change the row, or move {folder} away to download the pinned commit"
        )
    release = hub.look_up(repository, revision or repository.revision)
    report_progress(release.terms)

    def check(name: str, got: str | None, retry: str = "") -> None:
        replace = f"give the recorded file with --from, or move {folder} away to download the present one"
        for expected, stated_by, remedies in (
            (recorded.get(name), f"{folder / PROVENANCE} has recorded", (retry, replace)),
            (release.sha256.get(name), "the hub says", (retry,)),
        ):
            if None not in (got, expected) and got != expected:
                where = f"{repository.repo_id}/{name} at {release.revision}"
                remedy = "; else ".join(filter(None, remedies))
                raise UserError(f"{where}: got sha256 {got}, expected {expected} as {stated_by}; {remedy}")

    for name in release.files:  # before gigabytes are downloaded in vain
        check(name, release.sha256.get(name))
    paths = hub.download(release)
    sha256 = {name: readable_sha256(path) for name, path in paths.items()}
    for name, path in paths.items():
        check(name, sha256[name], f"delete {path.resolve()} and try again")
    record = {"repository": release.repo_id, "revision": release.revision, "files": sha256}
    return LocalFiles(paths, sha256, {"source": record, "licence": release.licence})


def readable_sha256(path: Path) -> str:
    """sha256 of a file, in hex.

    Raises:
        UserError: the file can't be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the path of a checkpoint") from None


def _recorded(repository: HubRepository, folder: Path) -> tuple[str | None, dict[str, str]]:
    """The commit, and the sha256 by file name, of an earlier download to `folder`; (None, {}) where there was none."""
    path = folder / PROVENANCE
    record = provenance(folder).get("source") if path.is_file() else None
    if not isinstance(record, dict) or record.get("repository") != repository.repo_id:
        return None, {}
    where = f"{path}: `source`"
    revision = parse(record["revision"], str, f"{where}, `revision`") if "revision" in record else None
    return revision, parse(record.get("files", {}), dict[str, str], f"{where}, `files`")
