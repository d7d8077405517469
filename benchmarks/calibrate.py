"""python benchmarks/calibrate.py [PART ...]: how often the verdicts are wrong; writes docs/calibration.md.

Score tables come from two models, which were written apart (benchmarks/score_tables.py). With names of `PARTS` only
their tables are made anew; the others are taken from the page.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from arrow_of_time import ARROW_RUNS, arrow_rates
from carry_nothing import RUNS, shares
from class_metrics import Classes
from class_metrics import rates as class_rates
from cross_validated import CAMERA_SETTINGS, LAYER_RUNS, LAYER_SETTINGS, SIGNAL_RUNS, cross_validated_rates
from error_rates import ALPHA, CONFIDENCE, FAMILIES, FAMILY, MARGIN, TABLES, detected, percent, rates
from few_labels import RUNS as FEW_LABEL_RUNS
from few_labels import few_label_rates
from levels_of_clutter import LEVEL_RUNS, level_rates
from levels_of_clutter import RANDOM as CLUTTERED_RANDOM
from score_tables import Cell

from trajprobe.compare.leaks import STOP
from trajprobe.compare.sample import FEWEST_CLIPS, FEWEST_GROUPS

PAGE = Path(__file__).parents[1] / "docs/calibration.md"


def alone(clips: int) -> tuple[int, ...]:
    """Each clip a group."""
    return (1,) * clips


#: By how the page calls them.
SHAPES = {
    "200": alone(200),
    "1,000": alone(1000),
    "200 in 40 groups": (5,) * 40,
    "200 in 20 groups": (10,) * 20,
}
UNEVEN = {
    "343 in 10 groups, of 128 to 2": (128, 81, 51, 32, 20, 13, 8, 5, 3, 2),
    "840 in 24 groups, of 10 to 60": tuple(np.linspace(10, 60, 24).astype(int).tolist()),
    "182 in 11 groups, one of them 82": (82, *(10,) * 10),
}
FEW = {"60 in 10 groups": (6,) * 10, "200 in 10 groups": (20,) * 10, "120 in 6 groups": (20,) * 6}
SMALL = {"60": alone(60), "100": alone(100), "200": alone(200)}
FEWEST = {"30": alone(30), "30 in 6 groups": (5,) * 6}
NAMES = {sizes: name for name, sizes in (SHAPES | UNEVEN | FEW | SMALL | FEWEST | {"4,000": alone(4000)}).items()}


def compared(cell: Cell) -> str:
    if cell.control:
        return f"{cell.first} trained with a control"
    if cell.first > 1:
        return f"{cell.first} random with {cell.second} random"
    return f"pretrained with {cell.second} random" if cell.second > 1 else "two networks"


def row(*parts: object) -> str:
    return f"| {' | '.join(map(str, parts))} |"


def table(*header: str) -> Iterator[str]:
    yield row(*header)
    yield row(*["---"] * len(header))


def errors(cells: Iterable[Cell]) -> Iterator[str]:
    """Error rates and coverage where no network is better."""
    yield from table("compared", "clips", "spread", "uneven", "called better", "called worse", "coverage")
    for cell in cells:
        yield row(
            compared(cell), NAMES[cell.sizes], cell.spread, cell.uneven, *rates(cell, "better", "worse", "covered")
        )


def even() -> Iterator[str]:
    cells = [
        Cell(sizes, 1, 5, spread) for sizes in (SHAPES["200"], SHAPES["200 in 40 groups"]) for spread in (0.0, 0.2)
    ]
    yield from errors([*cells, *(Cell(sizes) for sizes in SHAPES.values())])


def uneven() -> Iterator[str]:
    shapes = [*UNEVEN.values(), *FEW.values()]
    gains = [Cell(sizes, 1, 5, 0.2, uneven=differs) for sizes in shapes for differs in (0.0, 1.0)]
    yield from errors([*gains, *map(Cell, shapes)])


def fewest() -> Iterator[str]:
    """What is judged just so."""
    shapes = FEWEST.values()
    yield from errors([*map(Cell, shapes), *(Cell(sizes, 1, 5, 0.2) for sizes in shapes)])


def seeds() -> Iterator[str]:
    """Few of them, and those of two rows of random networks."""
    few = [Cell(sizes, 1, count, 0.2) for count in (2, 3, 19) for sizes in (SMALL["60"], SHAPES["200"])]
    random = [Cell(SHAPES[clips], count, count, 0.2) for count in (2, 3, 5) for clips in ("200", "1,000")]
    yield from errors([*few, *random, Cell(SHAPES["200 in 20 groups"], 5, 5, 0.2)])


def skewed() -> Iterator[str]:
    """One network in five is bad, the pretrained one as any other."""
    yield from errors(Cell(sizes, 1, count, 0.1, bad=0.2) for sizes in SMALL.values() for count in (5, 19))


def recipes() -> Iterator[str]:
    """Networks that were trained from several seeds."""
    cells = [Cell(sizes, 3, 1, 0.2, control=True) for sizes in (SHAPES["200"], SHAPES["1,000"])]
    yield from errors([*cells, Cell(SHAPES["200 in 20 groups"], 3, 1, 0.2, control=True)])


def class_metrics() -> Iterator[str]:
    """Metrics in which classes count alike."""
    header = ("called better", "called worse", "coverage", "coverage of the score")
    yield from table("metric", "clips", "compared", *header)
    for name, sizes in CLASSES.items():
        for classes in (
            Classes(sizes, "balanced_accuracy", spread=0.0),
            Classes(sizes, "balanced_accuracy", seeds=5),
            Classes(sizes, "macro_f1", spread=0.0),
        ):
            found = [*class_rates(classes)]
            if classes.metric == "macro_f1":  # no verdict is on it
                found[:3] = [""] * 3
            pair = "pretrained with 5 random" if classes.seeds > 1 else "two networks"
            yield row(classes.metric.replace("_", " "), name, pair, *found)


CLASSES = {
    "200 of 5 classes, 100 to 10": (100, 50, 25, 15, 10),
    "200 of 50 classes": (4,) * 50,
    "1,000 of 50 classes": (20,) * 50,
}


def ranks() -> Iterator[str]:
    yield from table("compared", "clips", "spread", "called better by rank")
    for spread in (0.0, 0.2):
        cell = Cell(SHAPES["200"], 1, 19, spread)
        yield row(compared(cell), NAMES[cell.sizes], spread, *rates(cell, "ranked"))


def accuracies() -> Iterator[str]:
    """Coverage of the accuracy of one network and of a further random one."""
    yield from table("clips", "accuracy", "one network", "a further random one of 5")
    for sizes in [*SMALL.values(), *FEW.values(), UNEVEN["840 in 24 groups, of 10 to 60"]]:
        for accuracy in (0.5, 0.97, 0.99):
            cells = [Cell(sizes, accuracy=accuracy), Cell(sizes, 1, 5, 0.2, accuracy=accuracy)]
            covered = [next(rates(cell, "accuracy covered")) for cell in cells]
            yield row(NAMES[sizes], accuracy, *covered)


def near_one() -> Iterator[str]:
    """Differences near the ceiling."""
    shapes = [*SMALL.values(), FEW["200 in 10 groups"]]
    pairs = [Cell(sizes, accuracy=0.97) for sizes in shapes]
    yield from errors([*pairs, *(Cell(sizes, 1, 5, 0.2, accuracy=0.97) for sizes in shapes)])


def equivalence() -> Iterator[str]:
    """How often a difference of just the margin is called practically equal, and how often none is."""
    yield from table("clips", "accuracies", "wrong clips", f"difference of {100 * MARGIN:g} points", "no difference")
    near = [(sizes, 0.97, nested) for sizes in SMALL.values() for nested in (False, True)]
    for sizes, accuracy, nested in [*near, (SHAPES["1,000"], 0.5, False), (alone(4000), 0.5, False)]:
        cell = Cell(sizes, accuracy=accuracy, nested=nested)
        found = [next(rates(one, "equal")) for one in (replace(cell, effect=MARGIN), cell)]
        wrong = "of one among those of the other" if nested else "of each its own"
        yield row(NAMES[sizes], f"{accuracy:g} and {accuracy + MARGIN:g}", wrong, *found)


def power() -> Iterator[str]:
    """How often a true difference is found, and its interval's coverage, where it differs among groups."""
    yield from table("compared", "clips", *(f"+{100 * effect:g} points" for effect in EFFECTS), "coverage")
    sizes = [*SHAPES.values()]
    for cell in [*(Cell(one, 1, count, 0.2) for count in (5, 19) for one in (sizes[0], sizes[2])), *map(Cell, sizes)]:
        found = [[*rates(replace(cell, effect=effect, uneven=2 * effect), "better", "covered")] for effect in EFFECTS]
        yield row(compared(cell), NAMES[cell.sizes], *(better for better, _ in found), found[2][1])


EFFECTS = (0.02, 0.05, 0.1, 0.2)


def detectable() -> Iterator[str]:
    """How often a difference is found that is as large as what is said to be detectable."""
    yield from table("compared", "clips", "the other ten", "detectable, points", "found")
    for cell in (Cell(SHAPES["200"]), Cell(SHAPES["1,000"]), Cell(SHAPES["1,000"], 1, 5, 0.2)):
        for others, words in ((0.0, "no difference"), (0.4, "far better")):
            yield row(compared(cell), NAMES[cell.sizes], words, *map(percent, detected(cell, others)))


def cross_validated() -> Iterator[str]:
    """Probes of networks that are equally good, and the comparison: what training sets add is in it."""
    header = ("called better", "called worse", "coverage", "coverage of accuracies")
    yield from table("clips", "dimensions", "accuracy", *header)
    for cell in cross_validated_rates():
        yield row(*cell)


def layer_choice() -> Iterator[str]:
    """The same, of networks of several layers, of which each fold chooses one inside train."""
    header = ("called better", "called worse", "coverage", "coverage of accuracies")
    yield from table("clips", "layers", "accuracy", *header)
    for cell in cross_validated_rates(LAYER_SETTINGS):
        yield row(*cell)


def several_cameras() -> Iterator[str]:
    """The same, of tracks that several cameras see, over whose clips scores are averaged."""
    header = ("called better", "called worse", "coverage", "coverage of accuracies")
    yield from table("tracks", "cameras", "accuracy", *header)
    for cell in cross_validated_rates(CAMERA_SETTINGS):
        yield row(*cell)


def arrow_of_time() -> Iterator[str]:
    """Directions of clips, told by probes of networks that are equally good."""
    header = ("called above chance", "called below", "coverage", "gain better", "gain worse")
    yield from table("clips", "predicted correctly", *header)
    for cell in arrow_rates():
        yield row(*cell)


def levels() -> Iterator[str]:
    """Areas under levels of clutter, of networks that are equally good."""
    header = ("called better", "called worse", "coverage", "coverage of the area")
    yield from table("probe", "clips", "area", *header)
    for cell in level_rates():
        yield row(*cell)


def few_labels() -> Iterator[str]:
    """Few-shot areas and code lengths of networks that are equally good."""
    header = ("the first has more", "the first has less", "coverage", "coverage of the value")
    yield from table("value", "clips", "mean", *header)
    for cell in few_label_rates():
        yield row(*cell)


def end_to_end() -> Iterator[str]:
    """Whole runs of probes and comparison over features that carry nothing."""
    header = (
        "gain better, alone",
        "95 % interval of that",
        "any better, after Holm",
        "coverage",
        "a warning",
        "stopped",
    )
    yield from table("clips", *header)
    for name, found in shares():
        yield row(name, *found)


TEXT = f"""# Calibration

How often the verdicts are wrong, and how often they find what is there; all in %. Made by `make calibrate`, which runs
the very functions that compare rows (`src/trajprobe/compare`) over {TABLES:,} simulated score tables a cell. Two models
of what networks get right, written apart, draw them: where two rates stand, the first is that of logits, the second
that of thresholds ([benchmarks/score_tables.py](../benchmarks/score_tables.py)). The standard error of a rate of 5 %
is {100 * np.sqrt(0.05 * 0.95 / TABLES):.1f} points. Groups share how easy they are and how a network does on them.

Tests are one-sided at {100 * ALPHA:g} % and intervals have {100 * CONFIDENCE:g} %, which is what "better", "worse" and
the coverage should come to. The spread is the standard deviation of random networks' worth, in logits: 0.2 is some 4
points of accuracy. The pretrained network is one more draw of the same. Uneven is the standard deviation of the gain
among groups, in logits, where its mean is nothing.

Nothing is judged with fewer than {FEWEST_CLIPS} clips, with fewer than {FEWEST_GROUPS} groups, or where one group has
half of the clips.

## No network is better

{{even}}

## Uneven groups and few groups

Where one group has nearly half of the clips, intervals are a little wider than they need to be.

{{uneven}}

The fewest clips and groups that are judged:

{{fewest}}

## Few seeds, and random networks on both sides

With two or three random networks on each side, the tests are on the safe side.

{{seeds}}

Networks that are trained from three seeds, by their mean, against a control:

{{recipes}}

Here one network in five is bad, by one logit, and so may be the pretrained one. Few seeds can't show that there are
such networks. "Better" is then on the safe side, and "worse" is not: it is said too often where the pretrained network
is a bad one itself.

{{skewed}}

The rank is exact, whatever the distribution:

{{ranks}}

## Accuracies

Coverage. Near 1 so few clips are wrong that an interval can't have just 95 %. Mostly it has more. It has less where the
truth is just outside of the interval of a likely count: of 100 clips at 0.99, that is 97 right ones. Of further random
networks it has more, since their spread can't be told from the luck of each on these clips.

{{accuracies}}

## Metrics in which classes count alike

No verdict is on macro F1: its intervals are of scores alone.

{{class_metrics}}

## Differences near 1

With few wrong clips that come in groups, and with random networks on few clips, the tests are on the safe side.

{{near_one}}

## Practically equal

How often two networks are called so, within a margin of {100 * MARGIN:g} points: where they differ by the margin
itself, it is an error.

{{equivalence}}

## One is better

How often it is called so. The spread is 0.2, and the true difference varies over groups. The coverage is that at +10
points.

{{power}}

## Smallest detectable difference

In a table of {FAMILY}: how often a difference is found that is as large as what the same tables without it say is
detectable; it should be 80. {FAMILIES:,} tables a line, whose standard error is
{100 * np.sqrt(0.8 * 0.2 / FAMILIES):.1f} points.

{{detectable}}

## Behind cross-validation

Two networks that are equally good, of five classes, probed as the stages do it and compared: {SIGNAL_RUNS} runs a line,
so that the standard error of 5 % is {100 * np.sqrt(0.05 * 0.95 / SIGNAL_RUNS):.1f} points. Every run draws all clips
anew, those that probes are trained on too. At an accuracy of 19 % the features carry nothing.

{{cross_validated}}

## The choice of a layer

The same, of networks of several layers that are equally good; half of the variance within a class is shared by a
network's layers. Each fold chooses a layer inside train, for either network by itself; the penalty is fixed.
{LAYER_RUNS} runs a line, so that the standard error of 5 % is {100 * np.sqrt(0.05 * 0.95 / LAYER_RUNS):.1f} points.

{{layer_choice}}

## Several cameras

The same, of tracks that three cameras see. Half of the variance within a class is shared by a track's clips. Probes
are fitted to all clips, and scores are averaged over those of a track; the penalty is fixed. {LAYER_RUNS} runs a line.

{{several_cameras}}

## The arrow of time

Directions of clips, told from features of 16 dimensions; one part of a clip's features stays when it is played
backwards, and one changes its sign. {ARROW_RUNS} runs a line, so that the standard error of 5 % is
{100 * np.sqrt(0.05 * 0.95 / ARROW_RUNS):.1f} points. The gain is that of a network over three random ones that are as
good. Variances are doubled for what folds share, which is what it is at chance, and less where directions are told: the
intervals there are on the safe side.

{{arrow_of_time}}

## Levels of clutter

Areas under the curves of accuracy over levels of clutter, of a network and {CLUTTERED_RANDOM} random ones that are as
good, with one penalty: {LEVEL_RUNS} runs a line, so that the standard error of 5 % is
{100 * np.sqrt(0.05 * 0.95 / LEVEL_RUNS):.1f} points. Clutter is noise in the features, half of it the clip's and the
same for all networks.

{{levels}}

## Few labels

Areas under few-shot curves, and bits a clip of the code, of the same networks: {FEW_LABEL_RUNS} runs a line, whose
standard error at 95 % is {100 * np.sqrt(0.05 * 0.95 / FEW_LABEL_RUNS):.1f} points. They have intervals and no verdicts.

{{few_labels}}

## Features that carry nothing

The whole chain, {RUNS} runs a line, from features drawn at random to the verdict: nested selection, permuted labels,
comparison. A warning is for any row whose permuted labels or noise are away from chance at {100 * ALPHA:g} %, a stop at
p < {STOP:g}, both after Holm over the rows. The first rate is that of the gain's one-sided test at {100 * ALPHA:g} %.
The next one is that of the table's verdicts: Holm's method holds the gain and the difference to noise to it together.

{{end_to_end}}
"""

#: In the order of the page.
PARTS = (
    *(even, uneven, fewest, seeds, recipes, skewed, ranks, accuracies, class_metrics, near_one, equivalence, power),
    *(detectable, cross_validated, layer_choice, several_cameras, arrow_of_time, levels, few_labels, end_to_end),
)


def main(chosen: list[str]) -> None:
    """Makes the tables of these parts, all where none is named, and writes the page."""
    os.environ |= {"TRAJPROBE_WORKERS": "1", "TQDM_DISABLE": "1"}  # of the processes that `Parallel` starts
    names = [part.__name__ for part in PARTS]
    tables = dict(zip(names, re.findall(r"(?:^\|.*\n)+", PAGE.read_text(), re.MULTILINE), strict=True))
    for part in PARTS:
        if part.__name__ in (chosen or names):
            tables[part.__name__] = "\n".join(part())
    PAGE.write_text(TEXT.format(**{name: text.strip() for name, text in tables.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
