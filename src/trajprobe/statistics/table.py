"""The table that `make repro` ends with, and below it what is off."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from trajprobe.statistics.compare import Compare, Comparison, Entry
from trajprobe.statistics.intervals import Estimate

#: A control that should know nothing is away from chance when it would be this far above so rarely.
ALARM = 0.001
KINDS = {"pretrained": "pretrained", "random": "random", "controls": "control"}


def table(comparison: Comparison, dataset: str, params: Compare, extra: Sequence[str] = ()) -> str:
    """Markdown; `extra` notes go below those that the numbers give."""
    labelling = comparison.labelling
    tested = int((labelling.folds >= 0).sum())
    groups = len(np.unique(labelling.groups[labelling.folds >= 0]))
    interval = f"{100 * params.confidence:g} %"
    lines = [
        f"Data set `{dataset}`: {tested:,} tested clips in {groups:,} groups, "
        f"{len(np.unique(labelling.labels))} classes, chance {_percent(comparison.chance)} % (the most frequent class)."
        f" Accuracy in %, with {interval} intervals.",
        "",
        "| row | kind | features | accuracy | balanced | macro F1 | permuted labels |",
        "|---|---|---|---|---|---|---|",
        *(_line(entry) for entry in _ordered(comparison, params.primary)),
        "",
        "| difference, in points | mean |",
        "|---|---|",
        *(f"| **{row}: pretrained minus random** | **{_signed(gain)}** |" for row, gain in comparison.gains.items()),
        *(f"| {row} minus {control} | {_signed(gap)} |" for control, (row, gap) in comparison.gaps.items()),
        "",
    ]
    found = [*notes(comparison), *extra]
    return (
        "\n".join(
            [*lines, *(["To know when reading it:", "", *(f"- {note}" for note in found)] if found else [])]
        ).rstrip()
        + "\n"
    )


def headline(comparison: Comparison, params: Compare) -> str:
    """The primary row in a few words."""
    kinds = [kind for kind, row in comparison.entries if row == params.primary]
    told = [f"{KINDS[kind]} {_percent(comparison.entries[kind, params.primary].accuracy.mean)} %" for kind in kinds]
    if params.primary in comparison.gains:
        told.append(f"gain {_signed(comparison.gains[params.primary])}")
    return f"{params.primary}: {', '.join(told)}"


def notes(comparison: Comparison) -> Iterator[str]:
    """What a reader of the table must know."""
    leaked = comparison.labelling.leaked
    tested = int((comparison.labelling.folds >= 0).sum())
    if leaked:
        yield f"{leaked} of {tested} tested clips are exact duplicates of clips in train (the set's own split)."
    above = []
    for (kind, row), entry in comparison.entries.items():
        probed, name = entry.probe, f"{row} ({KINDS[kind]})"
        if probed.trained_frames not in (None, probed.frames):
            yield f"{name}: clips of {probed.frames} frames; its weights know {probed.trained_frames}."
        if not np.isnan(entry.permuted):
            runs = sum(len(network.permuted) for network in probed.networks)
            if _above(entry.permuted * tested, tested, comparison.chance, runs) < ALARM:
                above.append(f"{name} {_percent(entry.permuted)} %")
        if probed.family == "noise" and _above(float(entry.right.sum()), tested, comparison.chance) < ALARM:
            yield f"{name}: noise scores {_percent(entry.accuracy.mean)} %, above chance: the probe leaks."
        unconverged = sum(network.unconverged for network in probed.networks)
        if unconverged:
            yield f"{name}: {unconverged} of its probes had not converged; raise `probe.logistic.max_iter`."
        if probed.pca:
            yield f"{name}: {int(np.prod(probed.shape)):,} dimensions, reduced to {probed.pca} by PCA within train."
        folds = sum(len(network.chosen) for network in probed.networks)
        at_edge = sum(network.at_edge for network in probed.networks)
        if 2 * at_edge > folds and entry.accuracy.ci_low > comparison.chance:
            grid = f"the grid of `probe.{probed.classifier}`"
            yield f"{name}: {at_edge} of {folds} folds chose an edge of {grid}, where it was better; widen it."
    if above:
        yield (
            "Permuted labels score above chance: test clips stand in train as well, as duplicates or in groups that "
            f"the split parts, or the probe leaks: {', '.join(above)}."
        )
    for control, (row, gap) in comparison.gaps.items():
        if ("pretrained", row) in comparison.entries and comparison.entries["controls", control].probe.trained_frames:
            gain = comparison.gains[row]
            if gain.ci_low > 0 and gap.mean < gain.mean:
                share = 100 * (1 - gap.mean / gain.mean)
                yield f"{share:.0f} % of the gain of {row} over random is there in {control} as well."


def _ordered(comparison: Comparison, primary: str) -> list[Entry]:
    """Backbones, the primary first, then controls; each from the best down."""
    entries = comparison.entries.values()
    networks = [entry for entry in entries if entry.probe.kind != "controls"]
    controls = [entry for entry in entries if entry.probe.kind == "controls"]
    networks.sort(key=lambda entry: (entry.probe.row != primary, entry.probe.row, entry.probe.kind))
    controls.sort(key=lambda entry: -entry.accuracy.mean)
    return networks + controls


def _line(entry: Entry) -> str:
    probed = entry.probe
    kind = KINDS[probed.kind] + (f", {len(probed.networks)} seeds" if probed.kind == "random" else "")
    features = " x ".join(map(str, probed.shape))
    interval = (
        f"{_percent(entry.accuracy.mean)} [{_percent(entry.accuracy.ci_low)}, {_percent(entry.accuracy.ci_high)}]"
    )
    others = [entry.scores["balanced_accuracy"], entry.scores["macro_f1"]]
    permuted = "" if np.isnan(entry.permuted) else _percent(entry.permuted)
    return f"| {probed.row} | {kind} | {features} | {interval} | {' | '.join(map(_percent, others))} | {permuted} |"


def _above(right: float, tested: int, chance: float, runs: int = 1) -> float:
    """How rarely so many clips of `tested`, in the mean over `runs` independent runs, are right by chance."""
    deviation = np.sqrt(chance * (1 - chance) / (tested * runs))
    return float(stats.norm.sf((right / tested - chance) / deviation))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed(difference: Estimate) -> str:
    mean, low, high = (f"{100 * value:+.1f}" for value in difference)
    return f"{mean} [{low}, {high}]"
