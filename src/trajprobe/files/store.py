"""The scratch store: shards that were made once, on this machine or on a shared filesystem, found by their recipe.

A shard's file name is its key, a hash of all that determines its bytes, and the sha256 of these bytes. The file gets
this name only when it is complete, is read-only, and is verified on each read. A damaged shard is deleted and made
again. The store is not part of the results: whatever is deleted from it is made again when a run needs it.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256, sha256, write_bytes

VARIABLE = "TRAJPROBE_STORE"
#: Age in seconds from which an unfinished file counts as left by a run that was killed.
ABANDONED = 3600
log = logging.getLogger("trajprobe")


@dataclass(frozen=True)
class StoredShard:
    """A shard in the store: its file, and the sha256 of its bytes in hex."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Store:
    """A store in a folder, which clones, experiments and machines may share."""

    folder: Path

    @classmethod
    def here(cls) -> "Store":
        """The store that the variable TRAJPROBE_STORE names; by default the one in the user's cache folder.

        Files that killed runs have left in it are deleted.

        Raises:
            UserError: the folder can't be written to.
        """
        store = cls(Path(os.environ.get(VARIABLE) or user_cache_path("trajprobe")).absolute())
        try:
            store.folder.mkdir(parents=True, exist_ok=True)
            for path, status in store.unfinished():
                if time.time() - status.st_mtime > ABANDONED:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{VARIABLE}: got {store.folder}, expected a folder that can be written to ({error.strerror}); set it "
                "to one"
            ) from None
        return store

    @staticmethod
    def key(recipe: Mapping[str, Any]) -> str:
        """The key of the shard that this recipe makes, 32 hex digits."""
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]

    def get(self, key: str) -> StoredShard | None:
        """The shard with that key, verified; None if there is none. A damaged one is deleted and counts as none."""
        for path in sorted(self._folder(key).glob(f"{key}-*.safetensors")):
            digest = path.stem.removeprefix(f"{key}-")
            try:
                if file_sha256(path) == digest:
                    os.utime(path)  # `prune` goes by the time of the last use
                    return StoredShard(path, digest)
                path.unlink()
            except FileNotFoundError:  # pruned a moment ago
                continue
            log.warning("%s: its bytes are not those that were written; deleted, and made again", path)
        return None

    def put(self, key: str, data: bytes) -> StoredShard:
        """Stores a shard's bytes under its key."""
        digest = sha256(data)
        path = self._folder(key) / f"{key}-{digest}.safetensors"
        write_bytes(path, data, mode=0o444)
        return StoredShard(path, digest)

    def unfinished(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files, with their status, that runs have not finished; the attempts that runs on Ray count are among them."""
        for path in self.folder.glob("*/.*.tmp"):
            with suppress(FileNotFoundError):  # finished a moment ago
                yield path, path.stat()

    def __iter__(self) -> Iterator[Path]:
        """Every shard."""
        return self.folder.glob("??/*-*.safetensors")

    def _folder(self, key: str) -> Path:
        return self.folder / key[:2]
