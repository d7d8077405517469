"""metrics/summary.json: scalars nested by name, rounded, which is what `dvc metrics diff` shows."""

from typing import Any

import numpy as np

from trajprobe.compare.comparison import Compare, Comparison, Gain
from trajprobe.compare.entries import Entry
from trajprobe.compare.intervals import Estimate
from trajprobe.compare.verdicts import Verdict

DECIMALS = 4


def summary(comparison: Comparison, pretraining: dict[str, dict[str, float]], params: Compare) -> dict[str, Any]:
    """All of it; the primary row stands under `headline` as well, so that branches with different ones compare."""
    out: dict[str, Any] = {"controls": {}}
    for key, entry in comparison.entries.items():
        kind, row = key
        told = {"accuracy": _estimate(comparison.accuracies[key])} | _entry(entry)
        if kind == "controls":
            out["controls"][row] = told | {"gap": _verdict(comparison.gaps[key].verdict)}
        else:
            out.setdefault(row, {})[kind] = told
            if key in comparison.gaps:
                out[row]["gap"] = _verdict(comparison.gaps[key].verdict)
    for row, gain in comparison.gains.items():
        out[row]["gain"] = _gain(gain)
    tested = comparison.labelling.folds >= 0
    return out | {
        "headline": out[params.primary],
        "data": {
            "tested_clips": int(tested.sum()),
            "groups": len(np.unique(comparison.labelling.groups[tested])),
            "classes": len(np.unique(comparison.labelling.labels)),
            "chance": _round(comparison.chance),
            "leaked_duplicates": comparison.labelling.leaked,
            "away_from_chance": len(comparison.leaks),
        },
        "pretrain": {
            name: {key: _round(value) for key, value in figures.items()} for name, figures in pretraining.items()
        },
    }


def _entry(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {name: _round(value) for name, value in entry.scores.items() if name != "accuracy"}
    told["equal_dimensions_accuracy"] = _round(entry.equal)
    if not np.isnan(entry.permuted):
        told["permuted_labels_accuracy"] = _round(entry.permuted)
    if len(entry.few_shot):
        curve = {
            f"shots_{count}": _round(share) for count, share in zip(entry.probe.shots, entry.few_shot, strict=True)
        }
        told["few_shot"] = curve | {"area": _round(entry.areas.mean())}
    if len(entry.bits):
        told["code_length"] = {"bits_a_clip": _round(entry.bits.mean()), "compression": _round(entry.compression)}
    return told


def _verdict(verdict: Verdict) -> dict[str, float]:
    effect = verdict.effect
    return _estimate(verdict.difference) | {
        "effect": _round(effect.mean),
        "effect_low": _round(effect.ci_low),
        "effect_high": _round(effect.ci_high),
        "detectable": _round(verdict.detectable),
        "p": _round(verdict.p),
        "verdict": int(verdict.sign),
        "practically_equal": int(verdict.equal),
    }


def _gain(gain: Gain) -> dict[str, Any]:
    told: dict[str, Any] = _verdict(gain.verdict)
    if gain.rank is not None:
        told["rank_p"] = _round(gain.rank)
    for name, found in (("few_shot_area", gain.area), ("bits_a_clip", gain.bits)):
        if found:
            told[name] = _estimate(found)
    return told


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {name: _round(value) for name, value in estimate._asdict().items()}


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
