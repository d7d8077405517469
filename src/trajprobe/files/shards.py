"""Folders of shards that are right or refused: each is held to its checksum whenever it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from trajprobe.errors import UserError
from trajprobe.files.atomic import link, mend, read_json, sha256, write_bytes, write_json

MANIFEST = "manifest.json"


def shard(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> bytes:
    """A shard's file: safetensors, with `meta`, which tells all that determines its bytes; the same for the same."""
    # One key: safetensors keeps no order among several.
    told = {"meta": json.dumps(meta, sort_keys=True)}
    return save_tensors({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=told)


def arrays_of(data: bytes) -> dict[str, NDArray[Any]]:
    """What `shard` was given; raises SafetensorError for what is none."""
    found: dict[str, NDArray[Any]] = load_tensors(data)
    return found


class ShardWriter:
    """Writes a folder of shards; `close` writes the manifest, with `meta`, which tells what they are of."""

    def __init__(self, folder: Path, meta: dict[str, Any]) -> None:
        self.folder, self.meta, self.shards = folder, meta, list[dict[str, Any]]()

    def add(self, data: bytes, items: int) -> None:
        """One shard that holds `items` clips."""
        write_bytes(self._next(items, sha256(data)), data)

    def link(self, path: Path, digest: str, items: int) -> None:
        """One shard that stands at `path` and has that sha256, in the same bytes on disk where that can be."""
        link(path, self._next(items, digest))

    def _next(self, items: int, digest: str) -> Path:
        name = f"{len(self.shards):05d}.safetensors"
        self.shards.append({"file": name, "items": items, "sha256": digest})
        return self.folder / name

    def close(self) -> None:
        told = {"meta": self.meta, "shards": self.shards}
        write_json(self.folder / MANIFEST, told | {"sha256": _digest(told)})


def _digest(told: dict[str, Any]) -> str:
    """sha256 of what a manifest tells, whatever its keys' order."""
    return sha256(json.dumps(told, sort_keys=True).encode())


class Shards:
    """A folder that `ShardWriter` wrote; a shard is verified against the manifest each time it is read.

    Raises:
        UserError: there is no manifest, or it is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_json(folder / MANIFEST)
        if manifest.pop("sha256", None) != _digest(manifest):
            raise UserError(
                f"{folder / MANIFEST}: is not what was written (sha256 differs, or an older version wrote it); "
                f"{mend(folder)}"
            )
        self.folder, self.meta = folder, manifest["meta"]
        self.shards: list[dict[str, Any]] = manifest["shards"]

    def __len__(self) -> int:
        """How many clips there are in all."""
        return sum(shard["items"] for shard in self.shards)

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """The arrays of each shard in turn; raises as `read` does."""
        return map(self.read, range(len(self.shards)))

    def read(self, number: int) -> dict[str, NDArray[Any]]:
        """The arrays of one shard.

        Raises:
            UserError: it is missing, or is not what was written.
        """
        told = self.shards[number]
        path = self.folder / told["file"]
        remedy = mend(self.folder)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
        if sha256(data) != told["sha256"]:
            raise UserError(f"{path}: its bytes are not those that were written (sha256 differs); {remedy}")
        try:
            return arrays_of(data)
        except SafetensorError as error:
            raise UserError(f"{path}: is no safetensors file ({error}); {remedy}") from None
