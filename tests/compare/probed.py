"""Probe files of rows as a test wants them, without a probe: by their guesses, or by how many of them are right."""

import numpy as np

from trajprobe.compare.comparison import Compare
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe

#: Ten clips; the last two are only ever trained on. Four groups of two tested clips.
FEW = Labelling(
    labels=np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 0]),
    names=np.array(["a", "b", "c"]),
    groups=np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
    folds=np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, -1]),
    tracks="t1",
    leaked=3,
)
CLIPS = 200
#: Of two classes, each clip a group; two folds.
MANY = Labelling(
    labels=np.arange(CLIPS) % 2,
    names=np.array(["left", "right"]),
    groups=np.arange(CLIPS),
    folds=np.arange(CLIPS) // 100,
    tracks="t1",
    leaked=0,
)
TOLD = {
    "tracks": "t1",
    "shape": [5, 32],
    "pca": 0,
    "frames": 17,
    "trained_frames": None,
    "classifier": "logistic",
    "equal_dimensions": 32,
    "shots": [1, 2, 4],
    "coded_clips": 10,
    "uniform_bits": 15.0,
}
#: What a network's probe found, and the rest of the row's.
NETWORK = ("chosen", "permuted", "permuted_expected", "equal", "few_shot", "code_bits", "at_edge", "unconverged")


def params(primary="net", **changed):
    told = {"alpha": 0.05, "margin": 0.02, "leaks": "stop", "draws": 4000, "confidence": 0.95, "seed": 0}
    return Compare(primary=primary, **told | changed)


def row(kind, name, *guesses, each=(), **changed):
    """A row of networks by their `guesses`; `changed` is of all networks or of the row, `each` of one at a time.

    A string holds a guess a digit; clips that no fold tests may be left out.
    """
    of_all = {key: changed.pop(key) for key in NETWORK if key in changed}
    networks = []
    for number, guess in enumerate(guesses):
        predictions = [int(digit) for digit in guess]
        predictions += [-1] * (10 - len(predictions))
        told = {"chosen": [1.0, 1.0], "permuted": [], "permuted_expected": [], "equal": predictions}
        told |= {"few_shot": [], "code_bits": []} | of_all | (each[number] if each else {})
        networks.append(NetworkProbe(predictions=predictions, **told))
    return RowProbe(row=name, kind=kind, networks=networks, **{"family": name} | TOLD | changed)


def scored(kind, name, *right, **changed):
    """A row of networks that tell so many of the many clips right: the first ones, of both classes."""
    guesses = [np.where(np.arange(CLIPS) < one, MANY.labels, 1 - MANY.labels).tolist() for one in right]
    return row(kind, name, *guesses, **changed)
