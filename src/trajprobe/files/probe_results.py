"""Probe files: one JSON a row, with each clip's out-of-fold prediction from each of the row's variants."""

from pathlib import Path

import msgspec

from trajprobe.files.atomic import read_json, write_json
from trajprobe.params import Parameters, parse

PROBES = Path("data/results/probes")


class NetworkProbe(Parameters, frozen=True):
    """What probing one network's features gave. What was not run is empty."""

    predictions: list[int]  #: (n), out of fold; -1 where no fold tests the clip
    chosen: list[float]  #: of the classifier's grid, by each fold
    permuted: list[float]  #: accuracy of each run with permuted labels
    permuted_expected: list[float]  #: accuracy of each by chance, with the classes that it predicted and those it had
    equal: list[int]  #: (n), predictions as above at equal dimension
    few_shot: list[list[float]]  #: (draws shots), accuracy
    code_bits: list[float]  #: (draws), online code length of all labels
    at_edge: int = 0  #: folds that chose an end of the grid that was better than its neighbour
    unconverged: int = 0  #: folds with a classifier that stopped at `max_iter`


class VariantProbe(Parameters, frozen=True):
    """A row's features by one kind of network, from one kind of input, at one layer."""

    network: str  #: `pretrained`, `random`, `permuted-weights`, or `none` for a row whose family has no network
    input: str  #: `plain`, or the name of a perturbation
    layer: str  #: LAYER.POOLING, as `hidden.tmean`; of a control `features`
    shape: list[int]  #: (t d) of the features
    pca: int  #: components that they were reduced to within train; 0: not reduced
    frames: int  #: of the clips
    trained_frames: int | None  #: of the clips that the network was pretrained on, where that is on record
    equal_dimensions: int  #: of the run at equal dimension; fewer than asked for where the features have fewer
    networks: list[NetworkProbe]  #: one, or one for each random seed


class RowProbe(Parameters, frozen=True):
    """A probe file."""

    row: str
    family: str  #: of the features
    tracks: str  #: digest of the tracks: predictions on other tracks are not comparable
    classifier: str
    shots: list[int]  #: clips a class of the few-shot curve
    coded_clips: int  #: by the online code
    uniform_bits: float  #: that they take without features
    variants: list[VariantProbe]


def path(row: str) -> Path:
    """Where the probe file of a row is."""
    return PROBES / f"{row}.json"


def save(probed: RowProbe) -> None:
    """Writes a probe file to its place."""
    write_json(path(probed.row), msgspec.to_builtins(probed))


def load(row: str) -> RowProbe:
    """The probe file of a row.

    Raises:
        UserError: it is missing or damaged.
    """
    place = path(row)
    return parse(read_json(place), RowProbe, str(place))
