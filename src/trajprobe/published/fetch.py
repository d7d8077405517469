"""Fetches published files from a path of the user's, from the hub or from an installed package.

Files from the hub must have the commit and the hashes that an earlier download recorded, a package's file the hash that
the package states.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trajprobe.backbones.weights import PROVENANCE, provenance
from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.params import parse
from trajprobe.published import package
from trajprobe.published.source import HubRepository, HubSource, LocalFiles, PackageFile


def files_from_path(source: HubSource, path: Path) -> LocalFiles:
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

    source, recorded = _recorded(folder, repository.repo_id)
    where = f"{folder / PROVENANCE}: `source`, `revision`"
    revision = parse(source["revision"], str, where) if "revision" in source else None
    if revision and re.fullmatch("[0-9a-f]{40}", repository.revision) and revision != repository.revision:
        raise UserError(
            f"{folder / PROVENANCE}: got commit {revision} of {repository.repo_id}, expected {repository.revision} as "
            f"its row pins; change the row, or move {folder} away to download the pinned commit"
        )
    release = hub.look_up(repository, revision or repository.revision)
    report_progress(release.terms)

    def check(name: str, got: str | None, retry: str = "") -> None:
        where = f"{release.repo_id}/{name} at {release.revision}"
        replace = f"give the recorded file with --from, or move {folder} away to download the present one"
        remedy = "; else ".join(filter(None, (retry, replace)))
        _compare(where, got, recorded.get(name), f"{folder / PROVENANCE} has recorded", remedy)
        _compare(where, got, release.sha256.get(name), "the hub says", retry)

    for name in release.files:  # before gigabytes are downloaded in vain
        check(name, release.sha256.get(name))
    paths = hub.download(release)
    sha256 = {name: readable_sha256(path) for name, path in paths.items()}
    for name, path in paths.items():
        check(name, sha256[name], f"delete {path.resolve()} and try again")
    source = {"repository": release.repo_id, "revision": release.revision, "files": sha256}
    return LocalFiles(paths, sha256, {"source": source, "licence": release.licence})


def files_from_package(wanted: PackageFile, report_progress: Callable[[str], object]) -> LocalFiles:
    """A file of an installed package.

    Raises:
        UserError: the package is not installed or lacks the file; or its sha256 is not the one that the package states.
    """
    installed = package.look_up(wanted)
    report_progress(installed.terms)
    path, sha256 = installed.path, readable_sha256(installed.path)
    _compare(str(path), sha256, installed.sha256, f"{wanted.package} {installed.version} says", installed.remedy)
    source = {"package": wanted.package, "version": installed.version, "files": {path.name: sha256}}
    return LocalFiles({path.name: path}, {path.name: sha256}, {"source": source, "licence": installed.licence})


def readable_sha256(path: Path) -> str:
    """sha256 of a file, in hex.

    Raises:
        UserError: the file can't be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the path of a checkpoint") from None


def _recorded(folder: Path, repository: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The source that provenance.json of `folder` has recorded, and the sha256 by file name; ({}, {}) if another one.

    Args:
        folder: of weights, which may not exist.
        repository: the one that it has to be.
    """
    path = folder / PROVENANCE
    source = provenance(folder).get("source") if path.is_file() else None
    if not isinstance(source, dict) or source.get("repository") != repository:
        return {}, {}
    return source, parse(source.get("files", {}), dict[str, str], f"{path}: `source`, `files`")


def _compare(where: str, got: str | None, expected: str | None, stated_by: str, remedy: str) -> None:
    """Refuses a sha256 that is not the expected one, if both are known."""
    if None not in (got, expected) and got != expected:
        raise UserError(f"{where}: got sha256 {got}, expected {expected} as {stated_by}; {remedy}")
