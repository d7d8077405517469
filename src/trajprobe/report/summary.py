"""metrics/summary.json: the few scalars that decide, which `dvc metrics diff` and `dvc exp show` print."""

from typing import Any

from trajprobe.compare.comparison import Compare, Comparison
from trajprobe.compare.estimates import ARROW
from trajprobe.compare.robustness import ROBUSTNESS
from trajprobe.compare.scored import Variant
from trajprobe.files.feature_shards import NO_NETWORK
from trajprobe.report.numbers import rounded, with_interval


def summary(comparison: Comparison, params: Compare) -> dict[str, Any]:
    """By row; the primary row stands under `headline` as well, so that branches with different ones compare.

    A row has its score, with the interval where it has a network, and the verdict: on its gain where it has one, then
    with the mean of its random networks, or else on the row that it is held against minus this one, then with the share
    of that one's gain that it has. A network that saw clips backwards has its arrow of time; one that saw cluttered
    clips has its robustness, the area under the curve of the probe of plain clips, and its gain in that. The score is
    accuracy, or balanced accuracy where verdicts are on that. What is perturbed stands in the details alone.
    """
    rows = {variant.row: _row(variant, comparison) for variant in comparison.main.values()}
    return rows | {"headline": rows[params.primary]}


def _row(variant: Variant, comparison: Comparison) -> dict[str, Any]:
    metric = comparison.metric
    score = with_interval(comparison.estimates[variant][metric])
    row: dict[str, Any] = {metric: {"mean": score["mean"]} if variant.network == NO_NETWORK else score}
    if variant in comparison.arrows and variant.network != NO_NETWORK:
        row |= {ARROW: {"mean": rounded(comparison.estimates[variant][ARROW].mean)}}
    if variant in comparison.robustness and variant.network != NO_NETWORK:
        curve = comparison.robustness[variant].from_plain
        row |= {ROBUSTNESS: {"mean": rounded(curve.area.mean)}}
        row[ROBUSTNESS] |= {"gain": rounded(curve.gain.difference.mean)} if curve.gain else {}
    if variant in comparison.gains:
        gain = comparison.gains[variant]
        verdict, random = gain.verdict, comparison.estimates[gain.baseline][metric]
        row |= {"random": {"mean": rounded(random.mean)}, "gain": with_interval(verdict.difference)}
    elif variant in comparison.differences:
        verdict, share = comparison.differences[variant].verdict, comparison.differences[variant].share_of_gain
        row |= {"difference": {"mean": rounded(verdict.difference.mean)}}
        if share:
            row |= {"share_of_gain": with_interval(share)}
    else:  # the primary row, without a gain
        return row
    return row | {"verdict": int(verdict.sign)}
