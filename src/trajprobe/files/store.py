"""The scratch store: shards that were made once, on this machine or a shared filesystem, by what determines them.

A shard's name is its key, which is a hash of all that determines its bytes, and the sha256 of these. It stands under
that name only when it is whole, is read-only, and is verified whenever it is taken: what is damaged is made again.
The store is no part of the results. Whatever is deleted from it is made again when it is asked for.
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
#: Seconds after which what no run has touched is what a killed one has left.
ABANDONED = 3600
log = logging.getLogger("trajprobe")


@dataclass(frozen=True)
class StoredShard:
    """A shard in the store."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Store:
    """The store in a folder, which may be shared by clones, experiments and machines."""

    folder: Path

    @classmethod
    def here(cls) -> "Store":
        """The one that the variable TRAJPROBE_STORE names, or else the user's cache folder has.

        Raises:
            UserError: it can't be written to.
        """
        store = cls(Path(os.environ.get(VARIABLE) or user_cache_path("trajprobe")).absolute())
        try:
            store.folder.mkdir(parents=True, exist_ok=True)
            for path, told in store.unfinished():
                if time.time() - told.st_mtime > ABANDONED:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{VARIABLE}: got {store.folder}, expected a folder that can be written to ({error.strerror}); set it "
                "to one"
            ) from None
        return store

    @staticmethod
    def key(recipe: Mapping[str, Any]) -> str:
        """What a shard of this recipe is called."""
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]

    def get(self, key: str) -> StoredShard | None:
        """The shard of that key, verified; None where it was not made, or is damaged, in which case it is deleted."""
        for path in sorted(self._room(key).glob(f"{key}-*.safetensors")):
            digest = path.stem.removeprefix(f"{key}-")
            try:
                if file_sha256(path) == digest:
                    os.utime(path)  # `prune` goes by it
                    return StoredShard(path, digest)
                path.unlink()
            except FileNotFoundError:  # pruned a moment ago
                continue
            log.warning("%s: its bytes are not those that were written; deleted, and made again", path)
        return None

    def put(self, key: str, data: bytes) -> StoredShard:
        """Keeps a shard's bytes."""
        digest = sha256(data)
        path = self._room(key) / f"{key}-{digest}.safetensors"
        write_bytes(path, data, mode=0o444)
        return StoredShard(path, digest)

    def unfinished(self) -> Iterator[tuple[Path, os.stat_result]]:
        """What runs are writing, or were when they were killed; the attempts that Ray's are counting, too."""
        for path in self.folder.glob("*/.*.tmp"):
            with suppress(FileNotFoundError):  # finished a moment ago
                yield path, path.stat()

    def __iter__(self) -> Iterator[Path]:
        """Every shard."""
        return self.folder.glob("??/*-*.safetensors")

    def _room(self, key: str) -> Path:
        return self.folder / key[:2]
