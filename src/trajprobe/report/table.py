"""The table that `make repro` ends with, above it what is to be known of the data, and below it what is off."""

from collections.abc import Iterator, Sequence

import numpy as np

from trajprobe.compare.comparison import Compare, Comparison
from trajprobe.compare.entries import Entry
from trajprobe.compare.intervals import Estimate
from trajprobe.compare.verdicts import POWER, Verdict
from trajprobe.report.notes import KINDS, notes


def table(comparison: Comparison, dataset: str, params: Compare, before: Sequence[str], extra: Sequence[str]) -> str:
    """Markdown; what is to be known `before` goes above the numbers, `extra` notes below those that they give."""
    found = [*notes(comparison), *extra]
    parts = [
        _list("Before you read it:", before),
        [*_rows(comparison, dataset, params), ""],
        [*_differences(comparison, params)],
        [*_few_labels(comparison, params)],
        _list("To know when reading it:", found),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def headline(comparison: Comparison, params: Compare) -> str:
    """The primary row in a few words."""
    row = params.primary
    shown = {kind: comparison.accuracies[kind, one] for kind, one in comparison.entries if one == row}
    told = [f"{KINDS[kind]} {_percent(accuracy.mean)} %" for kind, accuracy in shown.items()]
    if row in comparison.gains:
        verdict = comparison.gains[row].verdict
        told.append(f"gain {_points(verdict.difference)}: {verdict.words}")
    return f"{row}: {', '.join(told)}"


def _list(title: str, items: Sequence[str]) -> list[str]:
    return [title, "", *(f"- {item}" for item in items), ""] if items else []


def _rows(comparison: Comparison, dataset: str, params: Compare) -> Iterator[str]:
    labelling = comparison.labelling
    tested = labelling.folds >= 0
    groups, classes = (len(np.unique(values)) for values in (labelling.groups[tested], labelling.labels))
    entries = _ordered(comparison, params.primary)
    yield (
        f"Data set `{dataset}`: {int(tested.sum()):,} tested clips in {groups:,} groups, {classes} classes, chance "
        f"{_percent(comparison.chance)} % (the most frequent class). Accuracy in % of a {entries[0].probe.classifier} "
        f"probe, with {100 * params.confidence:g} % intervals."
    )
    yield ""
    widest = max(entry.probe.equal_dimensions for entry in entries)
    yield f"| row | kind | features | accuracy | balanced | macro F1 | in {widest} dimensions | permuted labels |"
    yield "|---|---|---|---|---|---|---|---|"
    for entry in entries:
        low, high = (_percent(end) for end in comparison.accuracies[entry.key][1:])
        yield _line(
            *_name(entry),
            " x ".join(map(str, entry.probe.shape)),
            f"{_percent(comparison.accuracies[entry.key].mean)} [{low}, {high}]",
            *(_percent(entry.scores[name]) for name in ("balanced_accuracy", "macro_f1")),
            _percent(entry.equal) + (f" (in {own})" if (own := entry.probe.equal_dimensions) < widest else ""),
            "" if np.isnan(entry.permuted) else _percent(entry.permuted),
        )


def _differences(comparison: Comparison, params: Compare) -> Iterator[str]:
    count = len(comparison.gains) + len(comparison.gaps)
    if not count:
        return
    yield (
        f"Differences in points. Better and worse are one-sided tests at {100 * params.alpha:g} %, Holm over all "
        f"{count}; practically equal is within {100 * params.margin:g} points. The last column: what this comparison "
        f"finds in {100 * POWER:g} of 100 cases."
    )
    yield ""
    yield "| difference | mean | Cohen's h | p | verdict | detectable |"
    yield "|---|---|---|---|---|---|"
    for row, gain in comparison.gains.items():
        yield _difference(f"**{row}: pretrained minus random**", gain.verdict)
    for (_, row), gap in comparison.gaps.items():
        yield _difference(f"{gap.row} minus {row}", gap.verdict)
    yield ""


def _difference(name: str, verdict: Verdict) -> str:
    effect = f"{verdict.effect.mean:+.2f} [{verdict.effect.ci_low:+.2f}, {verdict.effect.ci_high:+.2f}]"
    p = f"{verdict.p:.4f}" if verdict.p >= 0.0001 else "< 0.0001"
    return _line(name, _points(verdict.difference), effect, p, verdict.words, f"{100 * verdict.detectable:.1f}")


def _few_labels(comparison: Comparison, params: Compare) -> Iterator[str]:
    entries = [one for one in _ordered(comparison, params.primary) if len(one.few_shot) or len(one.bits)]
    if not entries:
        return
    shots = entries[0].probe.shots
    yield (
        "With few labels: accuracy in % from so many labelled clips a class, the area under that curve, and the online "
        f"code length (MDL) of the labels in bits a clip, {entries[0].uniform:.2f} without features."
    )
    yield ""
    yield _line("row", "kind", *shots, "area", "bits a clip", "times shorter")
    yield f"|{'---|' * (len(shots) + 5)}"
    for entry in entries:
        curve = [_percent(share) for share in entry.few_shot] or [""] * len(shots)
        area = _percent(entry.areas.mean()) if len(entry.areas) else ""
        code = [f"{entry.bits.mean():.2f}", f"{entry.compression:.2f}"] if len(entry.bits) else ["", ""]
        yield _line(*_name(entry), *curve, area, *code)
    for row, gain in comparison.gains.items():
        told = [f"area {_points(gain.area)} points"] if gain.area else []
        told += ["{:+.2f} [{:+.2f}, {:+.2f}] bits a clip".format(*gain.bits)] if gain.bits else []
        yield ""
        yield f"{row}: pretrained minus the next random network: {', '.join(told)}."
    yield ""


def _ordered(comparison: Comparison, primary: str) -> list[Entry]:
    """Backbones, the primary first, then controls; each from the best down."""

    def place(entry: Entry) -> tuple[bool, bool, str, str, float]:
        kind, row = entry.key
        if kind == "controls":
            return True, True, "", "", -comparison.accuracies[entry.key].mean
        return False, row != primary, row, kind, 0.0

    return sorted(comparison.entries.values(), key=place)


def _name(entry: Entry) -> tuple[str, str]:
    kind, row = entry.key
    return row, KINDS[kind] + (f", {len(entry.probe.networks)} seeds" if kind == "random" else "")


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(difference: Estimate) -> str:
    mean, low, high = (f"{100 * value:+.1f}" for value in difference)
    return f"{mean} [{low}, {high}]"
