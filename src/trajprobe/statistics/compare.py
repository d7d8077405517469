"""Compares the rows on the same clips: what metrics/summary.json, the table and the plots are made of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trajprobe.features.files import Kind
from trajprobe.params import Parameters, Seed, UserError
from trajprobe.probes.files import RowProbe
from trajprobe.probes.scores import scores
from trajprobe.statistics.intervals import Estimate, over_both, over_clips, over_seeds
from trajprobe.trajectories.labelling import Labelling

Array = NDArray[np.float64]
DECIMALS = 4


class Compare(Parameters, frozen=True):
    """What is compared, and how (`compare` in params.yaml)."""

    primary: str  #: the row that `headline` shows: one of `backbones` or `untrained`
    draws: Annotated[int, Meta(ge=100)]  #: of the bootstrap over clips
    confidence: Annotated[float, Meta(gt=0.5, le=0.9999)]  #: of all intervals
    seed: Seed


@dataclass(frozen=True)
class Entry:
    """One row's features of one kind, scored."""

    probe: RowProbe
    guesses: NDArray[np.int64]  #: (networks n), of the n tested clips
    right: Array  #: (networks n), 1 where the clip was told right
    scores: dict[str, float]  #: means over the networks
    accuracy: Estimate
    permuted: float  #: mean accuracy with permuted labels


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    entries: dict[tuple[Kind, str], Entry]
    gains: dict[str, Estimate]  #: pretrained minus random, by backbone
    gaps: dict[str, tuple[str, Estimate]]  #: by control: which row, and that row minus the control
    labelling: Labelling
    chance: float  #: the share of the most frequent class among tested clips


def compare(probes: Sequence[RowProbe], of: dict[str, str], labelling: Labelling, params: Compare) -> Comparison:
    """Scores all rows and their differences.

    Args:
        probes: of all rows that params.yaml names.
        of: which backbone each trained control is to be held against; any other control, `params.primary`.
        labelling: of the clips.
        params: the comparison's.

    Raises:
        UserError: a row was probed on other clips, or the primary row is not there.
    """
    probes = [_as_control(probed) for probed in probes]
    tested = labelling.folds >= 0
    labels, groups = labelling.labels[tested], labelling.groups[tested]
    guesses = {(p.kind, p.row): _predictions(p, labelling)[:, tested] for p in probes}
    right = {key: (guess == labels).astype(np.float64) for key, guess in guesses.items()}

    # One bootstrap for all: each row's accuracy, each backbone's gain, each control's gap.
    main_kind(params.primary, right)  # refuses a row that is not there
    values = {("accuracy", *key): rows.mean(axis=0) for key, rows in right.items()}
    for kind, row in right:
        if kind == "pretrained":
            values["gain", "pretrained", row] = right[kind, row].mean(axis=0) - right["random", row].mean(axis=0)
        if kind == "controls":
            against = right[main_kind(of.get(row, params.primary), right), of.get(row, params.primary)]
            values["gap", "controls", row] = against.mean(axis=0) - right[kind, row].mean(axis=0)
    found = over_clips(np.stack(list(values.values())), groups, params.draws, params.confidence, params.seed)
    estimates = dict(zip(values, found, strict=True))

    entries: dict[tuple[Kind, str], Entry] = {}
    seeds: dict[str, Estimate] = {}
    for probed in probes:
        key = (probed.kind, probed.row)
        each = [dict(scores(labels, guess)) for guess in guesses[key]]
        accuracy = estimates["accuracy", *key]
        if probed.kind == "random":
            seeds[probed.row] = over_seeds(right[key].mean(axis=1), params.confidence)
            accuracy = Estimate(*np.clip(seeds[probed.row], 0, 1).tolist())
        means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        permuted = float(np.mean([share for network in probed.networks for share in network.permuted] or [np.nan]))
        entries[key] = Entry(probed, guesses[key], right[key], means, accuracy, permuted)
    gains = {
        row: over_both(estimates["gain", "pretrained", row], seeds[row])
        for kind, row in entries
        if kind == "pretrained"
    }
    gaps = {
        row: (of.get(row, params.primary), estimates["gap", "controls", row])
        for kind, row in entries
        if kind == "controls"
    }
    return Comparison(entries, gains, gaps, labelling, float(np.bincount(labels).max() / len(labels)))


def summary(comparison: Comparison, pretraining: dict[str, dict[str, float]], params: Compare) -> dict[str, Any]:
    """Scalars nested by name, rounded: what `dvc metrics diff` shows."""
    out: dict[str, Any] = {"controls": {}}
    for (kind, row), entry in comparison.entries.items():
        told: dict[str, Any] = {"accuracy": _told(entry.accuracy)}
        told |= {name: _round(value) for name, value in entry.scores.items() if name != "accuracy"}
        if not np.isnan(entry.permuted):
            told["permuted_labels_accuracy"] = _round(entry.permuted)
        if kind == "controls":
            out["controls"][row] = told | {"gap": _told(comparison.gaps[row][1])}
        else:
            out.setdefault(row, {})[kind] = told
    for row, gain in comparison.gains.items():
        out[row]["gain"] = _told(gain)
    tested = comparison.labelling.folds >= 0
    return out | {
        "headline": out[params.primary],
        "data": {
            "tested_clips": int(tested.sum()),
            "groups": len(np.unique(comparison.labelling.groups)),
            "classes": len(np.unique(comparison.labelling.labels)),
            "chance": _round(comparison.chance),
            "leaked_duplicates": comparison.labelling.leaked,
        },
        "pretrain": {
            name: {key: _round(value) for key, value in figures.items()} for name, figures in pretraining.items()
        },
    }


def main_kind(row: str, there: Collection[tuple[Kind, str]]) -> Kind:
    """Which features stand for a row: the pretrained ones where it has them."""
    kinds: tuple[Kind, ...] = ("pretrained", "random")
    for kind in kinds:
        if (kind, row) in there:
            return kind
    rows = sorted({one for kind, one in there if kind != "controls"})
    raise UserError(f"params.yaml: got row `{row}` to compare with, expected one of {', '.join(rows)}")


def _as_control(probed: RowProbe) -> RowProbe:
    """A perturbed row, which is called ROW/PERTURBATION, as a control of that name; any other as it is."""
    if probed.kind != "perturbed":
        return probed
    return msgspec.structs.replace(probed, kind="controls", row=probed.row.rpartition("/")[2])


def _predictions(probed: RowProbe, labelling: Labelling) -> NDArray[np.int64]:
    """Predictions (networks n)."""
    if probed.tracks != labelling.tracks:
        raise UserError(
            f"{probed.kind} row {probed.row} was probed on other tracks than those of data/trajectories: features of "
            "different clips are not compared; run `dvc repro`"
        )
    return np.array([network.predictions for network in probed.networks], dtype=np.int64)


def _told(estimate: Estimate) -> dict[str, float]:
    return {name: _round(value) for name, value in estimate._asdict().items()}


def _round(value: float) -> float:
    return round(value, DECIMALS)
