"""The Hugging Face hub: what a repository says of its files at one commit, and these files.

huggingface_hub does the transfer, with its cache, progress bar, tokens and HF_ENDPOINT. A connection that breaks is
taken up where it broke, as long as the process lives; a process that is killed begins again.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.constants import HF_HUB_CACHE

from trajprobe.errors import UserError
from trajprobe.published.source import Place

#: In seconds; huggingface_hub itself would wait for ever for what a repository says of itself.
TIMEOUT = 30


@dataclass(frozen=True)
class Release:
    """Files of a repository at one commit, as the hub describes them."""

    repository: str
    files: tuple[str, ...]
    revision: str  #: the commit
    sha256: Mapping[str, str]  #: of those of `files` for which the hub states it
    licence: str | None  #: None where none is known

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}"

    @property
    def terms(self) -> str:
        """The line to show before anything is downloaded."""
        if self.licence:
            return f"licence: {self.licence}, {self.page}"
        return f"licence: the hub names none for {self.repository}; look for its terms at {self.page}"


def look_up(place: Place, revision: str) -> Release:
    """What the hub says of the files of `place` at `revision`, a commit or a branch.

    Raises:
        UserError: the hub can't be reached or refuses, or there is no such repository, revision or file.
    """
    with _told(place.repository, "the list of its files"):
        info = huggingface_hub.HfApi().model_info(
            place.repository, revision=revision, files_metadata=True, timeout=TIMEOUT
        )
    if not info.sha:
        raise UserError(f"{place.repository}: the hub names no commit for revision {revision}; {_ELSEWHERE}")
    stated = {sibling.rfilename: sibling.lfs and sibling.lfs.sha256 for sibling in info.siblings or []}
    files = place.choose(stated.keys(), f"{place.repository} at {info.sha}")
    sha256 = {name: digest for name in files if (digest := stated[name])}
    return Release(place.repository, files, info.sha, sha256, _licence(info) or place.licence)


def download(release: Release) -> dict[str, Path]:
    """The files, by name, in one folder of the hub's cache, from where they are not downloaded again.

    Raises:
        UserError: the transfer fails.
    """
    files = {}
    for name in release.files:
        with _told(release.repository, name):
            path = huggingface_hub.hf_hub_download(release.repository, name, revision=release.revision)
        files[name] = Path(path)
    return files


def _licence(info: huggingface_hub.ModelInfo) -> str | None:
    named, name, link = (getattr(info.card_data, f"license{of}", None) for of in ("", "_name", "_link"))
    words = named if isinstance(named, list) else [named]
    # A licence outside the hub's list is `other`, with its name and its address beside it.
    return " ".join(" ".join(str(word) for word in [*words, name, link] if word).split()) or None


_ELSEWHERE = "or download it in another way and give it with --from"
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (errors.GatedRepoError, "is gated; accept its terms at https://huggingface.co/{repository}, then `hf auth login`"),
    (errors.RepositoryNotFoundError, "is not there, or is private; check HF_ENDPOINT and HF_TOKEN"),
    (errors.RevisionNotFoundError, "no longer has the revision that was asked for"),
    (errors.RemoteEntryNotFoundError, "has no {what}"),
    (errors.OfflineModeIsEnabled, "was not asked, since HF_HUB_OFFLINE is set; unset it"),
)


@contextmanager
def _told(repository: str, what: str) -> Iterator[None]:
    """Tells in one line whatever goes wrong inside."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (what HTTP, Xet and the disk raise has no base class in common)
        cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
        raise UserError(_reason(cause or error, repository, what)) from None


def _reason(error: BaseException, repository: str, what: str) -> str:
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return f"{repository} {remedy.format(repository=repository, what=what)}; {_ELSEWHERE}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{repository}: no room for {what} in {HF_HUB_CACHE}; make some, or set HF_HOME to a larger disk"
    told = " ".join(str(error).split())[:200]
    return (
        f"{repository}: could not get {what} ({type(error).__name__}: {told}); check the network, its proxy and "
        f"HF_ENDPOINT and try again, {_ELSEWHERE}"
    )
