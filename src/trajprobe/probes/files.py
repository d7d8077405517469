"""Probe files: one JSON a row and kind, with each clip's out-of-fold prediction."""

from pathlib import Path

import msgspec

from trajprobe.features.files import Kind
from trajprobe.params import Parameters, parse
from trajprobe.storage import read_json, write_json

PROBES = Path("data/results/probes")


class NetworkProbe(Parameters, frozen=True):
    """What probing one network's features gave."""

    predictions: list[int]  #: (n), out of fold; -1 where no fold tests the clip
    c: list[float]  #: chosen by each fold
    permuted: list[float]  #: accuracy of each run with permuted labels
    unconverged: int = 0  #: folds whose classifier stopped at `max_iter`


class RowProbe(Parameters, frozen=True):
    """A probe file."""

    row: str
    kind: Kind
    family: str  #: of the features
    tracks: str  #: digest of the tracks: predictions on other tracks are not comparable
    shape: list[int]  #: (t d) of the features
    pca: int  #: components that they were reduced to within train; 0: not reduced
    frames: int  #: of the clips
    trained_frames: int | None  #: of the clips that the weights know, where they are known
    networks: list[NetworkProbe]  #: one, or one for each random seed


def path(kind: Kind, row: str) -> Path:
    """Where the probe file of a row stands."""
    return PROBES / kind / f"{row}.json"


def save(probed: RowProbe) -> None:
    """Writes a probe file to its place."""
    write_json(path(probed.kind, probed.row), msgspec.to_builtins(probed))


def load(kind: Kind, row: str) -> RowProbe:
    """The probe file of a row.

    Raises:
        UserError: it is missing or damaged.
    """
    place = path(kind, row)
    return parse(read_json(place), RowProbe, str(place))
