"""The sections of the page, in their order; what a run does not have makes no section.

A section has a sentence that says what to see, and a figure, or a block of the template with the data that it shows.
A further section is a function here and an entry of `SECTIONS`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from trajprobe.errors import visible_name
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.page import confusion, cost, curves, feature_map, forest, layers, moving, provenance, scores_table, words
from trajprobe.page.confusion import Predictions
from trajprobe.page.graphic import Graphic
from trajprobe.page.run_results import RunResults
from trajprobe.pictures.files import CODES, RECONSTRUCTION, Pictures, RowPictures

#: Draws a figure for a width, for the page or alone.
Draw = Callable[..., Graphic]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    name: str  #: of its place and its files
    title: str
    see: str  #: what to see, a plain sentence
    draw: Draw | None = None
    kinds: Collection[str] = ()  #: of the lines whose marks a legend explains
    block: str = ""  #: of the template: templates/BLOCK.html
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """All that a page is made of."""

    results: RunResults
    values: dict[str, Any]  #: of params.yaml

    @cached_property
    def labelling(self) -> Labelling:
        return Labelling.load(LABELLING)

    @cached_property
    def pictures(self) -> Pictures:
        """Of the primary row."""
        return Pictures.of(self.results.primary)

    @cached_property
    def facts(self) -> dict[str, RowPictures]:
        return {row: Pictures.of(row).facts for row in self.results.rows}

    @cached_property
    def predictions(self) -> Predictions:
        return Predictions.of(self.results.main, self.labelling)

    @cached_property
    def map(self) -> feature_map.FeatureMap:
        return feature_map.feature_map(self.results.main, self.labelling)

    def class_name(self, label: str) -> str:
        return visible_name(self.labelling.names[int(label)])


def sections(run: Material) -> Iterator[Section]:
    """Those that the run has something for."""
    for function in SECTIONS:
        yield from function(run)


def _notes(run: Material) -> Iterator[Section]:
    findings, notes = (list(run.results.data[key].values()) for key in ("findings", "notes"))
    grave = [note for note in notes if note.startswith("Away from chance")]
    if findings or grave:
        see = "These decide how far the numbers below can be trusted."
    else:
        see = "The guards found nothing wrong with the data and its clips; all that must be at chance is."
    data = {"findings": [*findings, *grave], "notes": [note for note in notes if note not in grave]}
    yield Section("before", "Before you read it", see, block="notes", data=data)


def _scores(run: Material) -> Iterator[Section]:
    title = run.results.metric_title.capitalize() + " of all rows"
    kinds = {line.kind for line in run.results.lines}
    yield Section("scores", title, words.scores(run.results), partial(forest.scores, run.results), kinds)


def _differences(run: Material) -> Iterator[Section]:
    if run.results.differences:
        draw = partial(forest.differences, run.results)
        yield Section("differences", "Differences, and how sure they are", words.differences(run.results), draw)


def _clips(run: Material) -> Iterator[Section]:
    facts, pictures = run.facts[run.results.primary], run.pictures
    groups = [
        {
            "name": run.class_name(label),
            "strips": [moving.strip(pictures.strip(pictures.clip(shown, label)), shown) for shown in facts.inputs],
        }
        for label in sorted(facts.examples, key=int)  # in the file they stand in the order of text
    ]
    data = {"groups": groups[: moving.SHOWN], "more": groups[moving.SHOWN :]}
    yield Section("clips", "What the networks see", words.clips(facts.inputs), block="clips", data=data)


def _few_shot(run: Material) -> Iterator[Section]:
    if curves.few_shot_curves(run.results):
        draw = partial(curves.few_shot, run.results)
        yield Section("few-labels", "With few labels", words.few_labels(run.results), draw)


def _confusion(run: Material) -> Iterator[Section]:
    of = run.predictions
    yield Section("confusion", "What is confused", words.confused(run.results, of), partial(confusion.confusion, of))
    if errors := of.worst():
        places, facts = run.pictures.places, run.facts[run.results.primary]
        shown = [(error, moving.track(places[error.clip], number, facts.radius)) for number, error in enumerate(errors)]
        data = {"errors": shown}
        yield Section("errors", "The most confident errors", words.mistakes(len(errors)), block="errors", data=data)


def _layers(run: Material) -> Iterator[Section]:
    if rows := layers.rows_with_layers(run.results):
        draw = partial(layers.layer_map, run.results)
        yield Section("layers", "Layers and poolings", words.layers(rows), draw)


def _attentive(run: Material) -> Iterator[Section]:
    if run.results.attentive:
        draw, kinds = partial(forest.attentive, run.results), {line.kind for line in run.results.attentive}
        yield Section("attentive", "The attentive probe", words.attentive(), draw, kinds)


def _arrow(run: Material) -> Iterator[Section]:
    if lines := forest.arrow_lines(run.results):
        draw, kinds = partial(forest.arrows, run.results), {line.kind for line, _ in lines}
        yield Section("arrow-of-time", "The arrow of time", words.arrow(run.results), draw, kinds)


def _robustness(run: Material) -> Iterator[Section]:
    if robust := curves.robustness_curves(run.results):
        draw, kinds = partial(curves.robustness, run.results), {curve.role for curve in robust}
        yield Section("robustness", "What clutter leaves", words.robustness(run.results), draw, kinds)


def _cost(run: Material) -> Iterator[Section]:
    if lines := cost.lines_with_cost(run.results):
        title = run.results.metric_title.capitalize() + " against arithmetic"
        draw, kinds = partial(cost.cost, run.results, lines), {line.kind for line, _ in lines}
        yield Section("cost", title, words.cost(), draw, kinds)


def _map(run: Material) -> Iterator[Section]:
    separations = feature_map.separations(run.map)
    data = {"hover": moving.hover_data(run.map, run.pictures.places)}
    draw = partial(feature_map.draw_map, run.map)
    yield Section("features", "A map of the features", words.feature_map(separations), draw, block="map", data=data)


def _pretraining(run: Material) -> Iterator[Section]:
    of_recipes = curves.pretraining_curves(list(run.values["pretrain"]))
    if of_recipes:
        draw = partial(curves.pretraining, of_recipes)
        yield Section("pretraining", "Pretraining: the loss", words.pretraining(), draw)
    facts, pictures = run.facts[run.results.primary], run.pictures
    if facts.tokens:
        groups = [
            {
                "name": run.class_name(label),
                "strips": [
                    moving.strip(pictures.strip(pictures.clip(facts.inputs[0], label)), "clip"),
                    *(
                        moving.strip(pictures.strip(pictures.token(kind, label)), kind)
                        for kind in (RECONSTRUCTION, CODES)
                    ),
                ],
            }
            for label in facts.tokens
        ]
        figures = run.results.details["pretrain"].get(run.results.rows[run.results.primary].weights)
        yield Section(
            "tokens", "What the tokens keep", words.tokens(figures), block="clips", data={"groups": groups, "more": []}
        )


def _table(run: Material) -> Iterator[Section]:
    table = scores_table.table(run.results)
    see = "Every line and every number; a click on a heading sorts by it."
    yield Section("table", "All numbers", see, block="table", data={"table": table})


def _provenance(run: Material) -> Iterator[Section]:
    see = "All that decides these numbers: with the same of it, the commands below give this page again, to the byte."
    yield Section(
        "provenance",
        "Where it comes from",
        see,
        block="provenance",
        data=provenance.facts(run.results, run.facts, run.values, run.labelling),
    )


SECTIONS: tuple[Callable[[Material], Iterator[Section]], ...] = (
    _notes,
    _scores,
    _differences,
    _clips,
    _few_shot,
    _confusion,
    _layers,
    _attentive,
    _robustness,
    _arrow,
    _cost,
    _map,
    _pretraining,
    _table,
    _provenance,
)
