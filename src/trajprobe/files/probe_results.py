"""Probe files: one JSON a row and kind, with each clip's out-of-fold prediction."""

from pathlib import Path

import msgspec

from trajprobe.files.atomic import read_json, write_json
from trajprobe.files.feature_shards import Kind
from trajprobe.params import Parameters, parse

PROBES = Path("data/results/probes")


class NetworkProbe(Parameters, frozen=True):
    """What probing one network's features gave."""

    predictions: list[int]  #: (n), out of fold; -1 where no fold tests the clip
    chosen: list[float]  #: of the classifier's grid, by each fold
    permuted: list[float]  #: accuracy of each run with permuted labels
    permuted_expected: list[float]  #: accuracy of each by chance, given how often it told and was told each class
    equal: list[int]  #: (n), predictions as above at equal dimension
    few_shot: list[list[float]]  #: (draws shots), accuracy
    code_bits: list[float]  #: (draws), online code length of all labels
    at_edge: int = 0  #: folds that chose an end of the grid that was better than its neighbour
    unconverged: int = 0  #: folds with a classifier that stopped at `max_iter`


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
    classifier: str
    equal_dimensions: int  #: of the run at equal dimension; fewer than asked for where the row has fewer
    shots: list[int]  #: clips a class of the few-shot curve
    coded_clips: int  #: by the online code
    uniform_bits: float  #: that they cost without features
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
