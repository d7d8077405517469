"""The Hugging Face hub: what it states about a repository's files at one commit, and their download.

huggingface_hub transfers the files, with its cache, progress bar, tokens and HF_ENDPOINT. A broken connection resumes
where it broke while the process lives; a new process starts the file again. A transfer that stalls or drips ends.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.constants import HF_HUB_CACHE

from trajprobe.errors import UserError, visible
from trajprobe.published.source import HubRepository
from trajprobe.published.watch import Bytes, TransferTooSlow, watched

#: Seconds to wait for a byte of what the hub states about a repository, and for all of it.
TIMEOUT, LOOK_UP = 30, 300
#: A download ends when fewer bytes than `LEAST` come in so many seconds: a GB would take days. huggingface_hub
#: reports 10 MB at a time, so that a download of less than 17 kB/s ends.
WINDOW, LEAST = 600, 2**20


@dataclass(frozen=True)
class Release:
    """Files of a repository at one commit, as the hub describes them."""

    repo_id: str
    files: tuple[str, ...]
    revision: str  #: the commit
    sha256: Mapping[str, str]  #: by file name, where the hub states it
    licence: str | None  #: None where neither the hub nor the source names one

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repo_id}"

    @property
    def terms(self) -> str:
        """The line that is shown before a download."""
        if self.licence:
            return f"licence: {self.licence}, {self.page}"
        return f"licence: the hub names none for {self.repo_id}; look for its terms at {self.page}"


def look_up(repository: HubRepository, revision: str) -> Release:
    """What the hub states about the files of `repository` at `revision`, a commit or a branch.

    Raises:
        UserError: the hub can't be reached or refuses, or the repository, the revision or a file does not exist.
    """
    with _user_errors(repository.repo_id, "the list of its files"):
        ask = partial(huggingface_hub.HfApi().model_info, revision=revision, files_metadata=True, timeout=TIMEOUT)
        info = watched(partial(ask, repository.repo_id), Bytes(), LOOK_UP, least=1)
    if not info.sha:
        raise UserError(f"{repository.repo_id}: the hub names no commit for revision {revision}; {_BY_HAND}")
    stated = {sibling.rfilename: sibling.lfs and sibling.lfs.sha256 for sibling in info.siblings or []}
    files = repository.select_files(stated.keys(), f"{repository.repo_id} at {info.sha}")
    sha256 = {name: digest for name in files if (digest := stated[name])}
    return Release(repository.repo_id, files, info.sha, sha256, _licence(info) or repository.licence)


def download(release: Release) -> dict[str, Path]:
    """The files by name, in one folder of the hub's cache. A file that is in the cache is not downloaded again.

    Raises:
        UserError: the transfer fails.
    """
    files = {}
    for name in release.files:
        with _user_errors(release.repo_id, name):
            received = Bytes()
            transfer = partial(huggingface_hub.hf_hub_download, revision=release.revision, tqdm_class=received.bar())
            files[name] = Path(watched(partial(transfer, release.repo_id, name), received, WINDOW, LEAST))
    return files


def _licence(info: huggingface_hub.ModelInfo) -> str | None:
    licence, name, link = (getattr(info.card_data, f"license{suffix}", None) for suffix in ("", "_name", "_link"))
    words = licence if isinstance(licence, list) else [licence]
    # A licence that is not in the hub's list is `other`, and its name and address stand beside it.
    text = " ".join(" ".join(str(word) for word in [*words, name, link] if word).split())
    return visible(text, 300) or None


_BY_HAND = "or download it in another way and give it with --from"
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (errors.GatedRepoError, "is gated; accept its terms at https://huggingface.co/{repo_id}, then run `hf auth login`"),
    (errors.RepositoryNotFoundError, "does not exist or is private; check HF_ENDPOINT and HF_TOKEN"),
    (errors.RevisionNotFoundError, "no longer has the revision that was asked for"),
    (errors.RemoteEntryNotFoundError, "has no {what}"),
    (TransferTooSlow, "sends {what} too slowly, so that it was given up; try again later"),
    (errors.OfflineModeIsEnabled, "was not asked, since HF_HUB_OFFLINE is set; unset it"),
)


@contextmanager
def _user_errors(repo_id: str, what: str) -> Iterator[None]:
    """Turns any error inside into a UserError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (errors of HTTP, Xet and the disk have no base class in common)
        cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
        raise UserError(_reason(cause or error, repo_id, what)) from None


def _reason(error: BaseException, repo_id: str, what: str) -> str:
    for error_class, reason in _REASONS:
        if isinstance(error, error_class):
            return f"{repo_id} {reason.format(repo_id=repo_id, what=what)}; {_BY_HAND}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{repo_id}: no space for {what} in {HF_HUB_CACHE}; free some, or set HF_HOME to a larger disk"
    message = visible(" ".join(str(error).split()), 200)
    return (
        f"{repo_id}: could not get {what} ({type(error).__name__}: {message}); check the network, its proxy and "
        f"HF_ENDPOINT and try again, {_BY_HAND}"
    )
