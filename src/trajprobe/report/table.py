"""The table that `make repro` ends with: what to know of the data above it, notes on the results below it."""

from collections.abc import Iterator, Sequence

import numpy as np

from trajprobe.compare.comparison import Compare, Comparison
from trajprobe.compare.estimates import AREA, ARROW, CODE_LENGTH, ORDER
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.verdicts import POWER, Sign, Verdict
from trajprobe.files.feature_shards import CHOSEN, NO_LAYER, NO_NETWORK, RANDOM
from trajprobe.report.further_probes import attentive_probes, coordinates, layers, robustness
from trajprobe.report.markdown import markdown, table_line, table_rule
from trajprobe.report.notes import notes
from trajprobe.report.numbers import percent, percent_interval, points, rounded_percent, signed


def table(
    comparison: Comparison, dataset: str, params: Compare, findings: Sequence[str], further: Sequence[str]
) -> str:
    """Markdown; the guards' `findings` stand above the numbers, `further` notes below those on the numbers."""
    order = _ordered(comparison, params.primary)
    parts = [
        _list("Before you read it:", findings),
        [*_scores(comparison, order, dataset, params), *_arrow_gains(comparison), ""],
        [*_differences(comparison, order, params)],
        [*_few_labels(comparison, order)],
        [*robustness(comparison, order, params)],
        [*layers(comparison, order)],
        [*attentive_probes(comparison, params)],
        _list("Notes:", [*notes(comparison), *further]),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def headline(comparison: Comparison, params: Compare) -> str:
    """The primary row in a few words."""
    row, metric = params.primary, comparison.metric
    plain = [variant for variant in comparison.variants if variant.row == row and not variant.is_perturbed]
    words = [f"{variant.network} {percent(comparison.estimates[variant][metric].mean)} %" for variant in plain]
    main = comparison.main[row]
    if main in comparison.gains:
        verdict = comparison.gains[main].verdict
        words.append(f"gain {points(verdict.difference)}: {verdict.words}")
    for variant, difference in comparison.differences.items():
        if difference.share_of_gain and not variant.is_perturbed:
            share = rounded_percent(difference.share_of_gain)
            words.append(f"{variant.row} has {share} of the gain of {difference.reference.row}")
    return f"{row}, {METRICS[metric].title}: {', '.join(words)}"


def _list(title: str, items: Sequence[str]) -> list[str]:
    return [title, "", *(f"- {markdown(item)}" for item in items), ""] if items else []


def _ordered(comparison: Comparison, primary: str) -> list[ScoredVariant]:
    """The primary row, then other networks, then controls, each from the best down, and so within a row.

    A row stands where its main variant does, that one and its random networks before what is perturbed.
    """
    scores = {variant: estimates[comparison.metric].mean for variant, estimates in comparison.estimates.items()}

    def place(variant: Variant) -> tuple[bool, bool, float, str, bool, bool, float]:
        main = comparison.main[variant.row]
        control = main.network == NO_NETWORK
        row = (variant.row != primary, control, -scores[main], variant.row)
        return *row, variant.is_perturbed, variant.network == RANDOM, -scores[variant]

    return [comparison.variants[variant] for variant in sorted(comparison.variants, key=place)]


def _scores(comparison: Comparison, order: Sequence[ScoredVariant], dataset: str, params: Compare) -> Iterator[str]:
    labelling = comparison.labelling
    tested = labelling.folds >= 0
    groups, classes = (len(np.unique(values)) for values in (labelling.groups[tested], labelling.labels))
    chance = f"chance {percent(comparison.chance)} % (the most frequent class)"
    if comparison.metric == "balanced_accuracy":
        chance += f", of balanced accuracy {percent(1 / len(np.unique(labelling.labels[tested])))} %"
    level = f"{100 * params.confidence:g} %"
    widest = max(scored.probe.equal_dimensions for scored in order)
    yield (
        f"Data set `{dataset}`: {int(tested.sum()):,} tested clips in {groups:,} groups, {classes} classes, {chance}. "
        f"Scores of a {markdown(order[0].row.classifier)} probe in %, with {level} confidence intervals for clips "
        "like these; of several seeds the mean, with the prediction interval of a new seed. The last two "
        f"columns are accuracies, after reduction to {widest} dimensions and with permuted labels."
    )
    of_order = any(ORDER in estimates for estimates in comparison.estimates.values())
    if of_order:
        yield ""
        yield (
            "*Order alone*: of the clips of two classes that are each other's reversal, and are predicted as one of "
            "these two, the share that is predicted correctly. 50 % is chance: only the order of the frames tells such "
            "classes apart."
        )
    if comparison.arrows:
        yield ""
        yield (
            "*Arrow of time*: of the clips and the same clips played backwards, the share whose direction is predicted "
            "correctly. "
            f"50 % is chance. Above and below chance are one-sided tests at {100 * params.alpha:g} %, at chance is "
            f"within {100 * params.margin:g} points, with Holm's correction for the {_arrow_tests(comparison)} tests "
            "of this question."
        )
    yield ""
    titles = [metric.title for metric in METRICS.values()]
    titles += ["order alone"] * of_order
    titles += ["arrow of time"] * bool(comparison.arrows)
    header = ["row", "network", "input", "features", *titles, f"in {widest} dimensions", "permuted labels"]
    yield table_line(*header)
    yield table_rule(header)
    for scored in order:
        estimates = comparison.estimates[scored.variant]
        intervals = [percent_interval(estimates[name]) for name in (*METRICS, *[ORDER] * of_order)]
        if comparison.arrows:
            arrow = comparison.arrows.get(scored.variant)
            cell = f"{percent_interval(estimates[ARROW])}, {_against_chance(arrow.from_chance)}" if arrow else ""
            intervals.append(cell)
        own, equal = scored.probe.equal_dimensions, _cell(scored.equal_dimensions)
        yield table_line(
            *coordinates(scored),
            _features(scored),
            *intervals,
            f"{equal} (in {own})" if equal and own < widest else equal,
            _cell(scored.permuted_labels),
        )


def _arrow_tests(comparison: Comparison) -> int:
    arrows = comparison.arrows.values()
    return len(arrows) + sum(arrow.gain is not None for arrow in arrows)


def _against_chance(verdict: Verdict) -> str:
    if verdict.practically_equal:
        return "at chance"
    signs = {Sign.BETTER: "above chance", Sign.WORSE: "below chance"}
    return signs.get(verdict.sign, verdict.words.partition(" with ")[0])


def _arrow_gains(comparison: Comparison) -> Iterator[str]:
    for variant, arrow in comparison.arrows.items():
        if arrow.gain:
            gain = f"{points(arrow.gain.difference)} points: {arrow.gain.words}"
            yield ""
            yield f"{variant.row}: pretrained minus random: arrow of time {gain}."


def _differences(comparison: Comparison, order: Sequence[ScoredVariant], params: Compare) -> Iterator[str]:
    gains, differences = comparison.gains, comparison.differences
    if not gains and not differences:
        return
    variants = [scored.variant for scored in order]
    questions = [(f"**{of.row}: pretrained minus random**", gains[of].verdict) for of in variants if of in gains]
    diagnostics: list[tuple[str, Verdict]] = []
    for of in variants:
        if of in differences:
            line = _minus(differences[of].reference, of), differences[of].verdict
            (diagnostics if of.is_perturbed else questions).append(line)
    questions += [
        (_minus(*pair), verdict)
        for pair, verdict in comparison.pairs.items()
        if pair[1] not in differences or differences[pair[1]].reference != pair[0]
    ]
    metric = METRICS[comparison.metric].title
    why = "The classes are uneven, so verdicts are on balanced accuracy. " * (comparison.metric != "accuracy")
    rows = f"the {len(questions)} differences between rows and from random weights" if questions else ""
    perturbed = f"the {len(diagnostics)} from perturbations, which are diagnostics" if diagnostics else ""
    families = ", and another for ".join(filter(None, (rows, perturbed)))
    yield (
        f"{why}Differences of {metric} in points. The verdict is on the first of the two. Better and worse are "
        f"one-sided tests at {100 * params.alpha:g} %, with Holm's correction for {families}; practically equal is "
        f"within {100 * params.margin:g} points. p is one-sided, in the direction of the difference. The last "
        f"column is the smallest difference detectable with {100 * POWER:g} % power after the correction."
    )
    yield ""
    header = ["difference", "mean", "Cohen's h", "p", "verdict", "smallest detectable"]
    yield table_line(*header)
    yield table_rule(header)
    for name, verdict in [*questions, *diagnostics]:
        yield _difference(name, verdict)
    yield ""


def _minus(reference: Variant, variant: Variant) -> str:
    """The name of a difference: the coordinates in which the two differ."""
    if reference.row != variant.row:
        return f"{reference.row} minus {variant.row}"
    pairs = [(first, second) for first, second in zip(reference, variant, strict=True) if first != second]
    return f"{variant.row}: {' '.join(first for first, _ in pairs)} minus {' '.join(second for _, second in pairs)}"


def _difference(name: str, verdict: Verdict) -> str:
    p_value = "" if verdict.p_value is None else _p_value(verdict.p_value)
    detectable = "" if verdict.detectable_difference is None else percent(verdict.detectable_difference)
    return table_line(name, points(verdict.difference), signed(verdict.cohens_h, 2), p_value, verdict.words, detectable)


def _p_value(p_value: float) -> str:
    return f"{p_value:.4f}" if p_value >= 0.0001 else "< 0.0001"


def _few_labels(comparison: Comparison, order: Sequence[ScoredVariant]) -> Iterator[str]:
    rows = [scored for scored in order if scored.area or scored.code_length]
    if not rows:
        return
    shots = rows[0].row.shots
    yield (
        "With few labels: accuracy in % from so many labelled clips a class, the area under that curve, and the online "
        f"code length (MDL) of the labels in bits per clip; without features it is {rows[0].uniform_code_length:.2f}. "
        "Intervals are for clips like these; of several seeds, prediction intervals of a new seed."
    )
    yield ""
    header = ["row", "network", *map(str, shots), "area", "bits per clip", "times shorter"]
    yield table_line(*header)
    yield table_rule(header)
    for scored in rows:
        curve = [percent(share) for share in scored.few_shot] or [""] * len(shots)
        estimates = comparison.estimates[scored.variant]
        area = percent_interval(estimates[AREA]) if scored.area else ""
        code = ["", ""]
        if scored.code_length:
            mean, low, high = estimates[CODE_LENGTH]
            code = [f"{mean:.2f} [{low:.2f}, {high:.2f}]", f"{scored.compression:.2f}"]
        yield table_line(*coordinates(scored)[:2], *curve, area, *code)
    for variant, gain in comparison.gains.items():
        parts = [f"area {points(gain.area)} points"] if gain.area else []
        parts += [f"{signed(gain.code_length, 2)} bits per clip"] if gain.code_length else []
        if parts:
            yield ""
            yield f"{variant.row}: pretrained minus random: {', '.join(parts)}."
    yield ""


def _features(scored: ScoredVariant) -> str:
    """Layer, where there is one, and shape; of how many a layer was chosen."""
    if scored.variant.layer == CHOSEN:
        return ", ".join(f"{layer} in {folds}" for layer, folds in scored.chosen_layers.most_common())
    shape = " x ".join(map(str, scored.probe.shape))
    return shape if scored.variant.layer == NO_LAYER else f"{scored.variant.layer}, {shape}"


def _cell(share: float) -> str:
    """A share in %, or nothing where it was not run."""
    return "" if np.isnan(share) else percent(share)
