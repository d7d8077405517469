"""Compares the rows on the same clips, and judges all differences as one family."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from trajprobe.compare.entries import Entry, Key, entry
from trajprobe.compare.intervals import (
    Array,
    Estimate,
    Groups,
    Known,
    Student,
    gain,
    interval,
    over_clips,
    over_seeds,
    rank,
)
from trajprobe.compare.leaks import Leak, leaks, stop
from trajprobe.compare.verdicts import Verdict, judge
from trajprobe.errors import UserError
from trajprobe.files.feature_shards import Kind
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import Parameters, Seed


class Compare(Parameters, frozen=True):
    """What is compared, and how (`compare` in params.yaml)."""

    primary: str  #: the row that `headline` shows: one of `backbones` or `untrained`
    alpha: Annotated[float, Meta(gt=0.0, lt=0.5)]  #: of the one-sided tests behind "better" and "worse"
    margin: Annotated[float, Meta(gt=0.0, lt=1.0)]  #: accuracies that differ by less are practically equal
    leaks: Literal["stop", "tell"]  #: what noise or permuted labels away from chance do to the run
    draws: Annotated[int, Meta(ge=1000)]  #: of the bootstrap over clips
    confidence: Annotated[float, Meta(gt=0.5, le=0.9999)]  #: of all intervals
    seed: Seed


@dataclass(frozen=True)
class Gain:
    """What pretraining gave a backbone over random weights."""

    verdict: Verdict  #: on the accuracy
    rank: float | None  #: p of the accuracy's rank among the random ones, where these are enough for it to reach alpha
    area: Estimate | None  #: of the area under the few-shot curve
    bits: Estimate | None  #: of the online code, a clip; below 0 is better


@dataclass(frozen=True)
class Gap:
    """What a row is held against, and the difference to it."""

    row: str
    verdict: Verdict  #: on that row minus this one


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    entries: dict[Key, Entry]
    accuracies: dict[Key, Estimate]
    gains: dict[str, Gain]  #: by backbone
    gaps: dict[Key, Gap]  #: by row: controls, and networks other than the primary one
    leaks: list[Leak]
    labelling: Labelling
    chance: float  #: the share of the most frequent class among tested clips


def compare(probes: Sequence[RowProbe], of: dict[str, str], labelling: Labelling, params: Compare) -> Comparison:
    """Scores all rows and their differences.

    Args:
        probes: of all rows that params.yaml names.
        of: which backbone each trained control is to be held against; any other row, `params.primary`.
        labelling: of the clips.
        params: the comparison's.

    Raises:
        UserError: a row was probed on other clips; the primary row is not there; all clips are of one group; or a row
            that must be at chance is not.
    """
    tested = labelling.folds >= 0
    labels, groups, folds = labelling.labels[tested], labelling.groups[tested], labelling.folds[tested]
    if len(np.unique(groups)) < 2:
        raise UserError("compare: all tested clips are of one group, so nothing is known of others; give more `groups`")
    entries = {found.key: found for found in (entry(probed, labelling) for probed in probes)}
    main_kind(params.primary, entries)  # refuses a row that is not there
    found = leaks(list(entries.values()), labels, folds, params.alpha)
    if params.leaks == "stop":
        stop(found)
    against = _against(entries, of, params.primary)
    accuracies, differences = _over_clips(entries, against, groups, params)
    gains, gaps = _judged(entries, against, differences, groups, params)
    return Comparison(
        entries,
        {key: _accuracy(one, accuracies.get(key), params) for key, one in entries.items()},
        gains,
        gaps,
        found,
        labelling,
        float(np.bincount(labels).max() / len(labels)),
    )


def main_kind(row: str, there: Collection[Key]) -> Kind:
    """Which features stand for a row: the pretrained ones where it has them."""
    kinds: tuple[Kind, ...] = ("pretrained", "random")
    for kind in kinds:
        if (kind, row) in there:
            return kind
    rows = sorted({one for kind, one in there if kind != "controls"})
    raise UserError(f"params.yaml: got row `{row}` to compare with, expected one of {', '.join(rows)}")


def _against(entries: dict[Key, Entry], of: dict[str, str], primary: str) -> dict[Key, str]:
    """By row, the one that it is held against."""
    return {
        (kind, row): of.get(row, primary)
        for kind, row in entries
        if kind == "controls" or (row != primary and kind == main_kind(row, entries))
    }


def _over_clips(
    entries: dict[Key, Entry], against: dict[Key, str], groups: Groups, params: Compare
) -> tuple[dict[Key, Known], dict[Key, Known]]:
    """What one bootstrap for all tells of accuracies, but for random rows' (they spread over seeds), and of gaps."""
    means = {key: one.right.mean(axis=0) for key, one in entries.items() if key[0] != "random"}
    gaps = {}
    for key, row in against.items():
        networks = entries[main_kind(row, entries), row].right
        same = networks[:1] if entries[key].perturbed else networks  # where there are several, it is of the first
        gaps[key] = same.mean(axis=0) - entries[key].right.mean(axis=0)
    values = [*means.values(), *gaps.values()]
    drawn = over_clips(np.stack(values), groups, params.draws, params.seed) if values else []
    count = len(means)
    return dict(zip(means, drawn[:count], strict=True)), dict(zip(gaps, drawn[count:], strict=True))


def _accuracy(entry: Entry, known: Known | None, params: Compare) -> Estimate:
    found = interval(known or over_seeds(entry.right.mean(axis=1)), params.confidence)
    return Estimate(*np.clip(found, 0, 1).tolist())


def _judged(
    entries: dict[Key, Entry],
    against: dict[Key, str],
    differences: dict[Key, Known],
    groups: Groups,
    params: Compare,
) -> tuple[dict[str, Gain], dict[Key, Gap]]:
    clips, count = len(groups), len(np.unique(groups))
    size = f"n = {clips:,} clips" + (f" in {count:,} groups" if count < clips else "")
    family: list[tuple[Known, float, str]] = []
    backbones = [row for kind, row in entries if kind == "pretrained"]
    for row in backbones:
        trained, random = entries["pretrained", row].right[0], entries["random", row].right
        known = gain(trained, random, groups)
        family.append((known, float(random.mean()), f"{size} and {len(random)} random seeds"))
    family += [(known, float(entries[key].right.mean()), size) for key, known in differences.items()]
    verdicts = judge(family, params.alpha, params.margin, params.confidence)
    of_gains, of_gaps = verdicts[: len(backbones)], verdicts[len(backbones) :]
    gains = {row: _gain(row, entries, verdict, params) for row, verdict in zip(backbones, of_gains, strict=True)}
    gaps = {key: Gap(against[key], verdict) for key, verdict in zip(differences, of_gaps, strict=True)}
    return gains, gaps


def _gain(row: str, entries: dict[Key, Entry], verdict: Verdict, params: Compare) -> Gain:
    trained, random = entries["pretrained", row], entries["random", row]
    ranked = rank(trained.right.mean(), random.right.mean(axis=1).tolist())
    return Gain(
        verdict,
        ranked if 1 / (len(random.right) + 1) <= params.alpha else None,
        _next(trained.areas, random.areas, params.confidence),
        _next(trained.bits, random.bits, params.confidence),
    )


def _next(trained: Array, random: Array, confidence: float) -> Estimate | None:
    """By how much a network's value (1) is above the next random one's, given those of some (s)."""
    if not len(random):
        return None
    seeds = over_seeds(random)
    return interval(Student(float(trained[0]) - seeds.mean, seeds.error, seeds.freedom), confidence)
