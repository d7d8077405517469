"""Probe results: one JSON a row, with the out-of-fold predictions of each of its variants."""

from pathlib import Path

import msgspec

from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.params import Parameters, parse

PROBES = Path("data/results/probes")
#: Figures of each recipe of `pretrain`, one JSON each.
PRETRAINING = Path("data/results/pretrain")


class NetworkProbe(Parameters, frozen=True):
    """The probe of one network's features; empty lists for what was not run."""

    predictions: list[int]  #: (n), out of fold; -1 where no fold tests the clip
    chosen: list[float]  #: of the classifier's grid, by each fold
    #: Accuracy of each run with permuted labels.
    permuted: list[float] = msgspec.field(default_factory=list)
    #: Accuracy of each by chance, given its labels and predictions of each class.
    permuted_expected: list[float] = msgspec.field(default_factory=list)
    equal: list[int] = msgspec.field(default_factory=list)  #: (n), predictions as above at equal dimension
    few_shot: list[float] = msgspec.field(default_factory=list)  #: (shots), accuracy, over all draws
    #: (n), under the curve of the clip alone; None where no draw tests it.
    few_shot_areas: list[float | None] = msgspec.field(default_factory=list)
    #: (n), that the online code spends on the clip's label, over all draws.
    code_bits: list[float] = msgspec.field(default_factory=list)
    at_edge: int = 0  #: folds that chose an end of the grid that was better than its neighbour
    unconverged: int = 0  #: folds with a classifier that stopped at `max_iter`
    #: (n), of a clip and its reversal, how many are told right; -1 where no fold tests the clip.
    arrow_of_time: list[int] = msgspec.field(default_factory=list)
    #: (n), of clips at a level of clutter, by the probe that was fitted to plain ones; as `predictions` else.
    from_plain: list[int] = msgspec.field(default_factory=list)
    #: Of a row of several layers or poolings, LAYER.POOLING that was chosen inside train, by each fold.
    chosen_layers: list[str] = msgspec.field(default_factory=list)


class VariantProbe(Parameters, frozen=True):
    """The probes of one variant of a row: one network, or several random ones."""

    network: str  #: `pretrained`, `random`, `permuted-weights`, or `none` for a row whose family has no network
    input: str  #: `plain`, or the name of a perturbation
    layer: str  #: LAYER.POOLING, or `chosen`: one of several of these; `features` for a row whose family has no network
    shape: list[int]  #: (t d) of the features; of `chosen`, empty
    pca: int  #: components that they were reduced to within train; 0: not reduced
    frames: int  #: of the clips
    trained_frames: int | None  #: of the clips that the weights were trained on, where that is recorded
    equal_dimensions: int  #: of the run at equal dimension; fewer than asked for where the row has fewer
    networks: list[NetworkProbe]  #: one, or one for each random seed
    features: list[str]  #: digest of each network's features; of `chosen`, none
    #: Digest of each network's features of the same clips backwards, where it has these.
    reversed: list[str] = msgspec.field(default_factory=list)
    cameras: int = 1  #: clips of each track, over which a classifier's scores are averaged


class RowProbe(Parameters, frozen=True):
    """A probe file."""

    row: str
    family: str  #: of the features
    labelling: str  #: digest of the labels, groups, folds and tracks: only rows of the same ones are compared
    classifier: str
    shots: list[int]  #: clips a class of the few-shot curve
    coded_clips: int  #: by the online code
    uniform_bits: float  #: their code length without features
    variants: list[VariantProbe]
    flop: int | None = None  #: of a network, for one clip; a multiply-accumulate counts as 2


def path(row: str) -> Path:
    """Where the probe file of a row stands."""
    return PROBES / f"{row}.json"


def save(probed: RowProbe) -> None:
    """Writes a probe file to its place."""
    write_checked_json(path(probed.row), msgspec.to_builtins(probed))


def load(row: str) -> RowProbe:
    """The probe file of a row.

    Raises:
        UserError: it is missing or damaged.
    """
    return parse(read_checked_json(path(row)), RowProbe, str(path(row)))
