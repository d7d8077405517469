"""metrics/details.json: all numbers of the comparison, rounded, by row, network, input and layer.

It holds no lists: DVC, which gets it as a plot, draws lists and skips the rest.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from trajprobe.compare.arrow_of_time import ArrowOfTime
from trajprobe.compare.comparison import Comparison, Difference, Gain
from trajprobe.compare.estimates import AREA, ARROW, CODE_LENGTH
from trajprobe.compare.robustness import ROBUSTNESS, Robustness
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.verdicts import Verdict
from trajprobe.files.feature_shards import PLAIN, clutter_input
from trajprobe.report.notes import notes
from trajprobe.report.numbers import PRECISE, p_rounded, rounded, with_interval

GIGA = 1e9
_precise = partial(rounded, decimals=PRECISE)
_with_interval = partial(with_interval, decimals=PRECISE)


def details(
    comparison: Comparison,
    pretraining: dict[str, dict[str, float]],
    findings: Sequence[str] = (),
    further: Sequence[str] = (),
) -> dict[str, Any]:
    """All of them: ROW.NETWORK.INPUT.LAYER, the data, and the figures of `pretraining` by recipe.

    With the data stand the guards' `findings`, the notes on the numbers with `further` ones, and the variant that
    stands for each row: NETWORK INPUT LAYER.
    """
    tree: dict[str, Any] = {}
    for variant, scored in comparison.variants.items():
        scores = {name: _with_interval(score) for name, score in comparison.estimates[variant].items()}
        numbers = scores | _probe(scored) | _seeds(scored, comparison.metric)
        if variant in comparison.gains:
            numbers["gain"] = _gain(comparison.gains[variant])
        if variant in comparison.arrows:
            numbers[ARROW] |= _arrow(comparison.arrows[variant])
        if variant in comparison.robustness:
            numbers[ROBUSTNESS] = _robustness(comparison.robustness[variant])
        if variant in comparison.differences:
            numbers["difference"] = _difference(comparison.differences[variant])
        of_pairs = {pair[1].row: verdict for pair, verdict in comparison.pairs.items() if pair[0] == variant}
        if of_pairs:
            numbers["minus"] = {row: _verdict(verdict) for row, verdict in of_pairs.items()}
        _place(tree, variant)[variant.layer] = numbers
    for variant, estimate in comparison.layers.items():
        _place(tree, variant)[variant.layer] = {comparison.metric: _with_interval(estimate)}
    for variant, probe in comparison.attentive.items():
        gain = {"gain": _verdict(probe.gain)} if probe.gain else {}
        _place(tree, variant)[variant.layer] = {comparison.metric: _with_interval(probe.score)} | gain
    tested = comparison.labelling.folds >= 0
    return tree | {
        "data": {
            "tested_clips": int(tested.sum()),
            "groups": len(np.unique(comparison.labelling.groups[tested])),
            "classes": len(np.unique(comparison.labelling.labels)),
            "chance": rounded(comparison.chance),
            "leaked_duplicates": comparison.labelling.leaked,
            "away_from_chance": len(comparison.leaks),
            "verdicts_on": comparison.metric,
            "main": {row: " ".join(variant[1:]) for row, variant in comparison.main.items()},
            "findings": _numbered(findings),
            "notes": _numbered([*notes(comparison), *further]),
        },
        "pretrain": {
            name: {key: rounded(value) for key, value in figures.items()} for name, figures in pretraining.items()
        },
    }


def _place(tree: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """The place of a variant's layers in the tree."""
    for coordinate in variant[:-1]:
        tree = tree.setdefault(coordinate, {})
    return tree


def _probe(scored: ScoredVariant) -> dict[str, Any]:
    """What the probe ran beside its predictions."""
    numbers: dict[str, Any] = {"dimensions": int(np.prod(scored.probe.shape))} if scored.probe.shape else {}
    if scored.row.flop is not None and not scored.variant.is_perturbed:
        numbers["gflop"] = scored.row.flop / GIGA
    if not np.isnan(scored.equal_dimensions):
        numbers["equal_dimensions_accuracy"] = _precise(scored.equal_dimensions)
    if not np.isnan(scored.permuted_labels):
        numbers["permuted_labels_accuracy"] = _precise(scored.permuted_labels)
    if len(scored.few_shot):
        curve = {
            f"shots_{count}": _precise(share) for count, share in zip(scored.row.shots, scored.few_shot, strict=True)
        }
        numbers["few_shot"] = curve
    if scored.code_length:
        numbers["compression"] = _precise(scored.compression)
    if scored.chosen_layers:
        numbers["folds_that_chose"] = dict(scored.chosen_layers)
    return numbers


def _seeds(scored: ScoredVariant, metric: str) -> dict[str, Any]:
    """Of several networks, the score of each, and the ends of their few-shot curves."""
    values = scored.scores[metric].values
    if len(values) < 2:
        return {}
    numbers: dict[str, Any] = {"seeds": _numbered(_precise(value) for value in values)}
    curves = np.array([network.few_shot for network in scored.probe.networks if network.few_shot])
    if len(curves):
        ends = zip(scored.row.shots, curves.min(axis=0), curves.max(axis=0), strict=True)
        numbers["few_shot_range"] = {
            f"shots_{count}": {"low": _precise(low), "high": _precise(high)} for count, low, high in ends
        }
    return numbers


def _numbered(items: Iterable[Any]) -> dict[str, Any]:
    """Items by their numbers, from 0: DVC would draw a list."""
    return {str(number): item for number, item in enumerate(items)}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    numbers: dict[str, Any] = _with_interval(verdict.difference) | {
        "cohens_h": _with_interval(verdict.cohens_h),
        "verdict": int(verdict.sign),
        "practically_equal": int(verdict.practically_equal),
    }
    if verdict.p_value is not None:
        numbers["one_sided_p_value"] = p_rounded(verdict.p_value)
    if verdict.detectable_difference is not None:
        numbers["detectable_difference"] = _precise(verdict.detectable_difference)
    return numbers


def _gain(gain: Gain) -> dict[str, Any]:
    numbers = _verdict(gain.verdict)
    if gain.rank_p_value is not None:
        numbers["rank_p_value"] = _precise(gain.rank_p_value)
    for name, estimate in ((AREA, gain.area), (CODE_LENGTH, gain.code_length)):
        if estimate:
            numbers[name] = _with_interval(estimate)
    return numbers


def _arrow(arrow: ArrowOfTime) -> dict[str, Any]:
    numbers = {"minus_chance": _verdict(arrow.from_chance)}
    return numbers | ({"gain": _verdict(arrow.gain)} if arrow.gain else {})


def _robustness(robustness: Robustness) -> dict[str, Any]:
    """Of the probe of plain clips, and of those at each level: the score of each input, and the area."""
    numbers = {}
    for name, curve in (("from_plain", robustness.from_plain), ("fitted", robustness.fitted)):
        scores = {clutter_input(level) if level else PLAIN: curve.scores[level] for level in curve.scores}
        numbers[name] = {key: _with_interval(score) for key, score in (scores | {"area": curve.area}).items()}
        numbers[name] |= {"gain": _verdict(curve.gain)} if curve.gain else {}
    return numbers


def _difference(difference: Difference) -> dict[str, Any]:
    numbers = {"reference": str(difference.reference)} | _verdict(difference.verdict)
    if difference.share_of_gain:
        numbers["share_of_gain"] = _with_interval(difference.share_of_gain)
    return numbers
