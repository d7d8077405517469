"""Rendered clips on disk: shards of one zstd frame a clip, and the tracks' places in each frame beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.feature_shards import cameras_of, clutter_input
from trajprobe.files.shards import Shards, encode_shard

CLIPS = Path("data/clips")
ZSTD_LEVEL = 3


@dataclass(frozen=True)
class Batch:
    """The clips of one shard."""

    video: NDArray[np.uint8]  #: [b t h w c]
    points: NDArray[np.float64]  #: (b t 2), the blob's column and row in pixels
    start: int  #: how many clips stand before them
    sha256: str  #: of the shard


def packed(video: NDArray[np.uint8], points: NDArray[np.float64], meta: dict[str, Any]) -> bytes:
    """The shard of clips [b t h w c], with the blob's places (b t 2); `meta` says how they were rendered."""
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    frames = [compressor.compress(clip.tobytes()) for clip in video]
    ends = np.cumsum([len(frame) for frame in frames])
    blob = np.frombuffer(b"".join(frames), dtype=np.uint8)
    return encode_shard({"zstd": blob, "ends": ends, "shape": np.array(video.shape[1:]), "points": points}, meta)


class Clips:
    """A folder of rendered clips; iterated a shard at a time."""

    def __init__(self, folder: Path) -> None:
        self._shards = Shards(folder)
        #: `tracks` (their digest), `scene` and `format`, as they were rendered, and `levels` of clutter, where any are.
        self.meta: dict[str, Any] = self._shards.meta

    def __len__(self) -> int:
        return len(self._shards)

    @property
    def cameras(self) -> int:
        """How many clips of each track follow one another, one by each camera."""
        return cameras_of({"clips": self.meta})

    @property
    def levels(self) -> tuple[float, ...]:
        """Of clutter, at which the same clips stand beside these."""
        return tuple(self.meta.get("levels", ()))

    @property
    def shards(self) -> list[dict[str, Any]]:
        """The manifest of each shard: its `sha256`, and how many clips (`items`) it has."""
        return self._shards.shards

    def __getitem__(self, number: int) -> Batch:
        """The clips of one shard, verified.

        Raises:
            UserError: it is missing or damaged.
        """
        arrays, shards = self._shards.read(number), self.shards
        decompressor = zstandard.ZstdDecompressor()
        blob, ends = arrays["zstd"].tobytes(), arrays["ends"]
        clips = [
            np.frombuffer(decompressor.decompress(blob[begin:end]), dtype=np.uint8)
            for begin, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        video = np.stack(clips).reshape(-1, *arrays["shape"])
        start = sum(before["items"] for before in shards[:number])
        return Batch(video, arrays["points"], start, shards[number]["sha256"])

    def __iter__(self) -> Iterator[Batch]:
        """Each shard's clips; raises as `[]` does."""
        return map(self.__getitem__, range(len(self.shards)))


def open_clips(form: str, level: float | None = None) -> Clips:
    """The rendered clips of a format; of its scene, or of that at a level of clutter.

    Raises:
        UserError: they are missing or damaged.
    """
    folder = CLIPS / form if level is None else at_level(CLIPS / form, level)
    if not folder.is_dir():
        raise UserError(f"{folder}: is missing; `dvc repro render@{form}` renders it")
    return Clips(folder)


def at_level(folder: Path, level: float) -> Path:
    """Where the clips of a format, which stand in `folder`, stand at a level of clutter."""
    return folder / clutter_input(level)
