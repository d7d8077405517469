"""Parts of the table: the layers and poolings of a row that has several, and attentive probes."""

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
        "networks, each by itself. The best line here is no result: the tested clips would have chosen it."
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
