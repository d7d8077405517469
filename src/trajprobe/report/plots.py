"""The CSV files behind `dvc plots show`."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from trajprobe.compare.comparison import Comparison, main_kind
from trajprobe.files.atomic import write_csv


def write(comparison: Comparison, primary: str, folder: Path) -> None:
    """accuracy.csv, few_shot.csv, recall.csv and confusion.csv.

    A line is a row and kind; one of these with so many labelled clips; a class; a tested clip. `recall` and the
    confusion are the primary row's, and each row and kind has a column of recalls too. The confusion of a row with
    random initialisation alone is that of its first seed.
    """
    labelling = comparison.labelling
    labels, names = labelling.labels[labelling.folds >= 0], labelling.names
    main = comparison.entries[main_kind(primary, comparison.entries), primary]
    titles = [f"{row} ({kind})" for kind, row in comparison.entries]
    bars = (
        [title, *_rounded(accuracy)] for title, accuracy in zip(titles, comparison.accuracies.values(), strict=True)
    )
    write_csv(folder / "accuracy.csv", ["row", "accuracy", "ci_low", "ci_high"], bars)
    recalls = [
        [
            names[label],
            *_rounded(entry.right[:, labels == label].mean() for entry in (main, *comparison.entries.values())),
        ]
        for label in np.unique(labels)
    ]
    write_csv(folder / "recall.csv", ["class", "recall", *titles], recalls)
    pairs = ([names[label], names[guess]] for label, guess in zip(labels, main.guesses[0], strict=True))
    write_csv(folder / "confusion.csv", ["actual", "predicted"], pairs)
    points = [
        [title, count, *_rounded([share])]
        for title, entry in zip(titles, comparison.entries.values(), strict=True)
        if len(entry.few_shot)  # else its curve was left out
        for count, share in zip(entry.probe.shots, entry.few_shot, strict=True)
    ]
    write_csv(folder / "few_shot.csv", ["row", "clips", "accuracy"], points)


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in values]
