"""The scratch store: shards that were made once, on this machine or on a shared filesystem, found by their recipe.

A shard is `XX/KEY-SHA256.safetensors`: KEY is a hash of all that determines its bytes (its recipe), XX the first two
digits of KEY, SHA256 that of its bytes. The file gets this name only when it is complete, and is read-only. On each
read its bytes are verified, and its key against the recipe inside. A shard that fails is deleted and made again. The
store is not part of the results: whatever is deleted from it is made again when a run needs it.

The folder may hold other files. Those are not ours: whatever has another name is not read, counted or deleted.
"""

import errno
import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256, sha256, write_bytes
from trajprobe.files.shards import recipe_of
from trajprobe.files.temporary import is_left, target_name

VARIABLE = "TRAJPROBE_STORE"
#: The folder, in the store, of the files by which a run on Ray counts how often a shard was begun.
BEGUN = "attempts"
#: Tells backup programs to leave the store out (https://bford.info/cachedir).
TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# The scratch store of trajprobe: runs make again what is deleted.\n"
)
_SHARD = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})\.safetensors")
_KEY = re.compile(r"[0-9a-f]{32}")
log = logging.getLogger("trajprobe")


@dataclass(frozen=True)
class StoredShard:
    """A shard in the store: its file, and the sha256 of its bytes in hex."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Store:
    """A store in a folder, which clones, experiments, machines and users may share.

    Who may only read the folder can use the shards in it. Who may write to it gives each shard and folder the rights of
    the store's own folder: a store that a group may write to stays so, whatever the umask of its users.
    """

    folder: Path

    @classmethod
    def here(cls) -> "Store":
        """The store that the variable TRAJPROBE_STORE names; by default the one in the user's cache folder.

        Files that killed runs have left in it are deleted.

        Raises:
            UserError: there is no such folder, and it can't be made.
        """
        store = cls(Path(os.environ.get(VARIABLE) or user_cache_path("trajprobe")).absolute())
        try:
            if not store.folder.is_dir():
                store.folder.mkdir(parents=True)
                write_bytes(store.folder / "CACHEDIR.TAG", TAG.encode())  # not in a folder of the user's
            for path, _ in store.unfinished():
                if is_left(path):
                    with suppress(PermissionError):  # another user's
                        path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{VARIABLE}: got {store.folder}, expected a folder that can be written to ({error.strerror}); set it "
                "to one"
            ) from None
        return store

    @staticmethod
    def key(recipe: Mapping[str, Any], code: object = None) -> str:
        """The key of the shard that this recipe makes, 32 hex digits.

        Args:
            recipe: what the shard has in its metadata.
            code: hashes of the code that makes it, where the recipe does not have them: edited code that draws the same
                clips gives the same file. They make the second half of the key.
        """
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]
        return digest if code is None else digest[:16] + Store.key({"code": code})[:16]

    def get(self, key: str) -> StoredShard | None:
        """The shard with that key, verified; None if there is none. A damaged one is deleted and counts as none."""
        for path in self._shards(f"{key[:2]}/{key}-*"):
            try:
                reason = damage(path)
                if not reason:
                    with suppress(PermissionError):  # another user's: `prune` goes by the last use of its owner
                        os.utime(path)
                    return StoredShard(path, _digest(path))
                path.unlink()
            except FileNotFoundError:  # pruned a moment ago
                continue
            except PermissionError as error:
                log.warning("%s: cannot be used (%s); made again", path, error.strerror)
                continue
            log.warning("%s: %s; deleted, and made again", path, reason)
        return None

    def put(self, key: str, data: bytes) -> StoredShard:
        """Stores a shard's bytes under its key.

        Raises:
            UserError: the store can't be written to.
        """
        digest = sha256(data)
        path = self.subfolder(key[:2]) / f"{key}-{digest}.safetensors"
        with self._writable(path.parent):
            write_bytes(path, data, mode=stat.S_IMODE(self.folder.stat().st_mode) & 0o444)
        return StoredShard(path, digest)

    def subfolder(self, name: str) -> Path:
        """The folder of that name in the store, which is made if there is none.

        Raises:
            UserError: the store can't be written to.
        """
        folder = self.folder / name
        with self._writable(self.folder), suppress(FileExistsError):
            self.folder.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            folder.chmod(stat.S_IMODE(self.folder.stat().st_mode))
        return folder

    def check_writable(self, keys: Iterable[str]) -> None:
        """Checks that shards of these keys can be put into the store, before hours are spent on them.

        Raises:
            UserError: they can't.
        """
        for name in {key[:2] for key in keys}:
            folder = self.folder / name if (self.folder / name).is_dir() else self.folder
            with self._writable(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
                    reason = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
                    raise OSError(reason, os.strerror(reason))

    @contextmanager
    def _writable(self, folder: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise UserError(
                f"{VARIABLE}: {folder} can't be written to ({error.strerror}), and shards must be made; ask its owner "
                f"for the right (`chmod -R g+w` for a group), or set {VARIABLE} to a folder of yours"
            ) from None

    def unfinished(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files, with their status, that runs have not finished; the attempts that runs on Ray count are among them."""
        for pattern in ("[0-9a-f][0-9a-f]/.*", f"{BEGUN}/.*"):
            for path in sorted(self.folder.glob(pattern)):
                name = target_name(path) or ""
                if _KEY.fullmatch(name) if path.parent.name == BEGUN else _is_shard(path.parent.name, name):
                    with suppress(FileNotFoundError):  # finished a moment ago
                        yield path, path.lstat()

    def __iter__(self) -> Iterator[Path]:
        """Every shard."""
        return self._shards("[0-9a-f][0-9a-f]/*")

    def _shards(self, pattern: str) -> Iterator[Path]:
        for path in sorted(self.folder.glob(pattern)):
            if _is_shard(path.parent.name, path.name) and path.is_file() and not path.is_symlink():
                yield path


def damage(path: Path) -> str:
    """What is wrong with a shard of a store; nothing if its bytes and its recipe are those that its name says."""
    if file_sha256(path) != _digest(path):
        return "its bytes are not those that were written"
    recipe, key = recipe_of(path), path.name[:32]
    # The recipe of clips lacks the code, which makes the second half of their key.
    if Store.key(recipe)[: None if "code" in recipe else 16] != key[: None if "code" in recipe else 16]:
        return "its recipe is not that of its key"
    return ""


def _is_shard(folder: str, name: str) -> bool:
    return bool(_SHARD.fullmatch(name)) and name[:2] == folder


def _digest(path: Path) -> str:
    return path.stem[33:]
