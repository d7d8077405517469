"""Folders of shards. Each shard is verified against its sha256 whenever it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from trajprobe.errors import UserError
from trajprobe.files.atomic import link, sha256, write_bytes
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.files.reading import mend, parse_json
from trajprobe.params import Parameters, parse

MANIFEST = "manifest.json"


def encode_shard(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> bytes:
    """The bytes of a shard: a safetensors file with the recipe `meta`. The same arguments give the same bytes."""
    # Under one key, since safetensors writes several keys in any order.
    metadata = {"meta": json.dumps(meta, sort_keys=True)}
    return save_tensors({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=metadata)


def decode_shard(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a shard by name.

    Raises:
        SafetensorError: `data` is no safetensors file.
    """
    arrays: dict[str, NDArray[Any]] = load_tensors(data)
    return arrays


def recipe_of(path: Path) -> dict[str, Any]:
    """The recipe that `encode_shard` wrote into a shard; {} for what is no shard."""
    try:
        with safe_open(path, "numpy") as file:
            meta = parse_json((file.metadata() or {})["meta"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return {}
    return meta if isinstance(meta, dict) else {}


class ShardWriter:
    """Writes a folder of shards. `close` writes the manifest with `meta`, which describes the folder."""

    def __init__(self, folder: Path, meta: dict[str, Any]) -> None:
        self.folder, self.meta, self.shards = folder, meta, list[dict[str, Any]]()

    def add(self, data: bytes, items: int) -> None:
        """Adds a shard of `items` clips by its bytes."""
        write_bytes(self._next(items, sha256(data)), data)

    def link(self, path: Path, digest: str, items: int) -> None:
        """Adds a shard of `items` clips, the file at `path` with sha256 `digest`, linked where that is possible."""
        link(path, self._next(items, digest), digest)

    def _next(self, items: int, digest: str) -> Path:
        name = f"{len(self.shards):05d}.safetensors"
        self.shards.append({"file": name, "items": items, "sha256": digest})
        return self.folder / name

    def close(self) -> None:
        write_checked_json(self.folder / MANIFEST, {"meta": self.meta, "shards": self.shards})


class ShardEntry(Parameters, frozen=True):
    """What a manifest says of a shard."""

    file: Annotated[str, Meta(pattern=r"^\d+\.safetensors$")]  #: its name, in the manifest's folder
    items: Annotated[int, Meta(ge=0)]  #: clips
    sha256: str


class Shards:
    """A folder that `ShardWriter` wrote. Each shard is verified against the manifest whenever it is read.

    Raises:
        UserError: the manifest is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_checked_json(folder / MANIFEST, mend(folder))
        where = f"{folder / MANIFEST}: is damaged; {mend(folder)}"
        parse(manifest.get("shards"), list[ShardEntry], where)
        self.folder = folder
        self.meta: dict[str, Any] = parse(manifest.get("meta"), dict[str, Any], where)
        self.shards: list[dict[str, Any]] = manifest["shards"]

    def __len__(self) -> int:
        """The number of clips in all shards."""
        return sum(shard["items"] for shard in self.shards)

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Yields the arrays of each shard; raises as `read` does."""
        return map(self.read, range(len(self.shards)))

    def read(self, number: int) -> dict[str, NDArray[Any]]:
        """The arrays of the shard `number`, by name.

        Raises:
            UserError: the shard is missing or damaged.
        """
        entry = self.shards[number]
        path = self.folder / entry["file"]
        remedy = mend(self.folder)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
        if sha256(data) != entry["sha256"]:
            raise UserError(f"{path}: is damaged (sha256 differs); {remedy}")
        try:
            return decode_shard(data)
        except SafetensorError as error:
            raise UserError(f"{path}: is no safetensors file ({error}); {remedy}") from None
