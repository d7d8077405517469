"""Probe files of rows as a test wants them, without a probe: by their predictions, or by how many are correct."""

import msgspec
import numpy as np

from trajprobe.compare.comparison import Compare, compare
from trajprobe.compare.scored import Variant
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe

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
ROW = {
    "labelling": MANY.digest(),
    "classifier": "logistic",
    "shots": [1, 2, 4],
    "coded_clips": 10,
    "uniform_bits": 15.0,
}
VARIANT = {"shape": [5, 32], "pca": 0, "frames": 17, "trained_frames": None, "equal_dimensions": 32, "features": []}
#: What differs among the networks of a variant.
NETWORK = (
    *("chosen", "permuted", "permuted_expected", "equal", "few_shot", "few_shot_areas", "code_bits", "at_edge"),
    *("unconverged", "arrow_of_time", "chosen_layers", "from_plain"),
)


def params(primary="net", **changed):
    defaults = {"pairs": "reference", "alpha": 0.05, "margin": 0.02, "leaks": "stop", "confidence": 0.95}
    defaults["reversals"] = {}
    return Compare(primary=primary, **defaults | changed)


def key(network, name, input="plain"):  # noqa: A002 (the coordinate's name)
    """The coordinates that `row` gives."""
    return Variant(name, network, input, "features" if network == "none" else "hidden.tmean")


def row(network, name, *predictions, input="plain", each=(), **changed):  # noqa: A002 (the coordinate's name)
    """A row with one variant: its networks by their `predictions`, of which a string holds one a digit.

    Clips that no fold tests may be left out. `changed` is of all networks, of the variant or of the row, `each` of one
    network at a time.
    """
    of_all = {part: changed.pop(part) for part in NETWORK if part in changed}
    networks = []
    for number, digits in enumerate(predictions):
        predicted = [int(digit) for digit in digits]
        predicted += [-1] * (10 - len(predicted))
        own = {"chosen": [1.0, 1.0], "permuted": [], "permuted_expected": [], "equal": predicted}
        own |= {"few_shot": [], "few_shot_areas": [], "code_bits": []} | of_all | (each[number] if each else {})
        networks.append(NetworkProbe(predictions=predicted, **own))
    of_row = {part: changed.pop(part) for part in (*ROW, "family") if part in changed}
    of_variant = {"layer": key(network, name).layer} | VARIANT | changed
    variant = VariantProbe(network, input, networks=networks, **of_variant)
    return RowProbe(row=name, variants=[variant], **{"family": name} | ROW | of_row)


def scored(network, name, *correct, **changed):
    """A row whose networks are correct on so many of the many clips: the first ones, of both classes."""
    predictions = [np.where(np.arange(CLIPS) < count, MANY.labels, 1 - MANY.labels).tolist() for count in correct]
    return row(network, name, *predictions, **changed)


def merged(parts):
    """Probe files: parts of one name are the variants of one row."""
    rows = {}
    for part in parts:
        known = rows.get(part.row, part)
        variants = part.variants if known is part else known.variants + part.variants
        rows[part.row] = msgspec.structs.replace(known, variants=variants)
    return list(rows.values())


def compared(*parts, against=None, metric="accuracy", labelling=MANY, given=None, reversals=(), **changed):
    """The comparison of rows; each but the primary one is held against that one, where `against` says no other."""
    settings = given or params(**changed)
    default = {part.row: settings.primary for part in parts if part.row != settings.primary}
    return compare(merged(parts), default | (against or {}), metric, labelling, settings, reversals)
