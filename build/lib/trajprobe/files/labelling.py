"""The class, the group and the fold of each track."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.atomic import sha256, write_npz
from trajprobe.files.reading import read_npz

LABELLING = Path("data/trajectories/labelling.npz")
#: The fold of a clip that is only ever trained on.
TRAIN_ONLY = -1


@dataclass(frozen=True)
class Labelling:
    """Of n tracks."""

    labels: NDArray[np.int64]  #: (n), index in `names`
    names: NDArray[np.str_]  #: (k)
    groups: NDArray[np.int64]  #: (n)
    folds: NDArray[np.int64]  #: (n), the fold that tests the clip, or `TRAIN_ONLY`
    tracks: str  #: digest of the tracks
    leaked: int  #: tested tracks of which an exact duplicate is trained on, which only an original split can do

    def digest(self) -> str:
        """sha256 of all of it: results of other labels, groups, folds or tracks are never compared with these."""
        arrays = (self.labels, self.groups, self.folds)
        texts = (self.names.tolist(), self.tracks)
        return sha256(b"".join(np.asarray(array, np.int64).tobytes() for array in arrays) + json.dumps(texts).encode())

    def check_tracks(self, tracks: str, where: object) -> None:
        """Refuses results of other tracks than these: features of different clips are never compared.

        Args:
            tracks: digest of the tracks that the results are of.
            where: the results, for the message.

        Raises:
            UserError: the digests differ.
        """
        if tracks != self.tracks:
            raise UserError(f"{where}: was made of other tracks than {LABELLING} labels; run `dvc repro`")

    def save(self, path: Path) -> None:
        arrays = {"labels": self.labels, "names": self.names, "groups": self.groups, "folds": self.folds}
        write_npz(path, arrays | {"tracks": np.array(self.tracks), "leaked": np.array(self.leaked)})

    @staticmethod
    def load(path: Path) -> "Labelling":
        parts, _ = read_npz(path, ("labels", "names", "groups", "folds", "tracks", "leaked"))
        tracks, leaked = str(parts.pop("tracks")), int(parts.pop("leaked"))
        return Labelling(tracks=tracks, leaked=leaked, **parts)
