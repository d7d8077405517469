"""Parts of the table: robustness, the layers and poolings of a row that has several, and attentive probes."""

from collections.abc import Iterator, Sequence

from trajprobe.compare.comparison import Compare, Comparison
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.scored import ScoredVariant
from trajprobe.files.feature_shards import CHOSEN, PLAIN, UNPOOLED
from trajprobe.report.markdown import table_line, table_rule
from trajprobe.report.numbers import percent_interval, points


def layers(comparison: Comparison, order: Sequence[ScoredVariant]) -> Iterator[str]:
    """Of each row that has several layers or poolings, a line for each of them."""
    chosen = [scored for scored in order if scored.variant.layer == CHOSEN]
    if not chosen:
        return
    yield (
        f"Layers and poolings: {METRICS[comparison.metric].title} in % of a probe of each alone, and in brackets how "
        "many folds chose it inside train. Above, a row has the layer that each fold chose; so have its random "
        "networks, each by itself. Do not report the best line: the tested clips would have chosen it."
    )
    for row in dict.fromkeys(scored.variant.row for scored in chosen):
        of_row = [scored for scored in chosen if scored.variant.row == row]
        header = [f"layers of {row}", *(" ".join(word for word in of.variant[1:3] if word != PLAIN) for of in of_row)]
        yield ""
        yield table_line(*header)
        yield table_rule(header)
        for layer in dict.fromkeys(of.layer for of in comparison.layers if of.row == row):
            yield table_line(layer, *(_layer(comparison, of, layer) for of in of_row))
    yield ""


def _layer(comparison: Comparison, chosen: ScoredVariant, layer: str) -> str:
    score = percent_interval(comparison.layers[chosen.variant._replace(layer=layer)])
    folds = chosen.chosen_layers[layer]
    return f"{score} ({folds})" if folds else score


def robustness(comparison: Comparison, order: Sequence[ScoredVariant], params: Compare) -> Iterator[str]:
    """Of each row that sees cluttered clips, a line for each of its two curves."""
    curves = [(of, comparison.robustness[of.variant]) for of in order if of.variant in comparison.robustness]
    if not curves:
        return
    levels = sorted({level for _, of in curves for level in of.fitted.scores})
    gains = 2 * sum(of.fitted.gain is not None for _, of in curves)
    tests = (
        f" Better and worse are one-sided tests at {100 * params.alpha:g} %, with Holm's correction for these {gains} "
        "differences alone."
    ) * (gains > 0)
    yield (
        f"Robustness: {METRICS[comparison.metric].title} in % at each level of clutter; plain clips have level 0. The "
        "area is the mean from level 0 to the highest one. The probe of plain clips sees cluttered ones for the first "
        f"time; the one at each level is fitted to clips of that level.{tests}"
    )
    yield ""
    header = ["row", "network", "probe", *(f"level {level:g}" for level in levels), "area", "pretrained minus random"]
    yield table_line(*header)
    yield table_rule(header)
    for scored, of in curves:
        for probe, curve in (("of plain clips", of.from_plain), ("at each level", of.fitted)):
            scores = [percent_interval(curve.scores[level]) if level in curve.scores else "" for level in levels]
            gain = f"{points(curve.gain.difference)}: {curve.gain.words}" if curve.gain else ""
            yield table_line(*coordinates(scored)[:2], probe, *scores, percent_interval(curve.area), gain)
    yield ""


def coordinates(scored: ScoredVariant) -> tuple[str, str, str]:
    """Row, network and input, as tables show them."""
    variant, count = scored.variant, len(scored.predictions)
    network = f"{variant.network}, {count} seeds" if count > 1 else variant.network
    return variant.row, network, variant.input


def attentive_probes(comparison: Comparison, params: Compare) -> Iterator[str]:
    """Of each row that keeps its tokens: its score, and its gain."""
    if not comparison.attentive:
        return
    gains = sum(probe.gain is not None for probe in comparison.attentive.values())
    yield (
        f"Attentive probe: {METRICS[comparison.metric].title} in %, of a probe that learns which tokens to look at. "
        f"Better and worse are one-sided tests at {100 * params.alpha:g} %, with Holm's correction for "
        f"{'this difference' if gains == 1 else f'these {gains} differences'} alone."
    )
    yield ""
    header = ["row", "network", "tokens", METRICS[comparison.metric].title, "pretrained minus random"]
    yield table_line(*header)
    yield table_rule(header)
    for variant, probe in comparison.attentive.items():
        gain = f"{points(probe.gain.difference)}: {probe.gain.words}" if probe.gain else ""
        layer = variant.layer.removesuffix(f".{UNPOOLED}")
        yield table_line(variant.row, variant.network, layer, percent_interval(probe.score), gain)
    yield ""
