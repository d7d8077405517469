"""The CSV files behind `dvc plots show`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trajprobe.compare.comparison import Comparison
from trajprobe.compare.scored import ScoredVariant
from trajprobe.errors import visible_name
from trajprobe.files.atomic import write_csv
from trajprobe.report.numbers import rounded


def write(comparison: Comparison, primary: str, folder: Path) -> None:
    """accuracy.csv, few_shot.csv, recall.csv and confusion.csv.

    A line is a variant; one of these with so many labelled clips; a class; a tested clip. `recall` and the confusion
    are those of the primary row's main variant, and each variant has a column of recalls too. Where that variant has
    several random networks, the confusion is that of the first one.
    """
    labelling = comparison.labelling
    labels = labelling.labels[labelling.folds >= 0]
    names = list(map(visible_name, labelling.names.tolist()))
    variants = comparison.variants
    main = variants[comparison.main[primary]]
    bars = ([str(variant), *map(rounded, comparison.estimates[variant]["accuracy"])] for variant in variants)
    write_csv(folder / "accuracy.csv", ["row", "accuracy", "ci_low", "ci_high"], bars)
    recalls = [
        [names[label], *(rounded(scored.correct[:, labels == label].mean()) for scored in (main, *variants.values()))]
        for label in np.unique(labels)
    ]
    write_csv(folder / "recall.csv", ["class", "recall", *map(str, variants)], recalls)
    pairs = ([names[label], names[predicted]] for label, predicted in zip(labels, main.predictions[0], strict=True))
    write_csv(folder / "confusion.csv", ["actual", "predicted"], pairs)
    points = [point for scored in variants.values() if len(scored.few_shot) for point in _few_shot(scored)]
    write_csv(folder / "few_shot.csv", ["row", "clips", "accuracy", "low", "high"], points)


def _few_shot(scored: ScoredVariant) -> Iterator[list[object]]:
    """The points of a curve, with the lowest and the highest of its networks."""
    curves = np.array([network.few_shot for network in scored.probe.networks if network.few_shot])
    ends = zip(curves.min(axis=0), curves.max(axis=0), strict=True)
    for shots, accuracy, (low, high) in zip(scored.row.shots, scored.few_shot, ends, strict=True):
        yield [str(scored.variant), shots, *map(rounded, (accuracy, low, high))]
