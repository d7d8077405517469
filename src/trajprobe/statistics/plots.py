"""The CSV files behind `dvc plots show`."""

from pathlib import Path

from trajprobe.statistics.compare import Comparison, main_kind
from trajprobe.storage import write_csv


def write(comparison: Comparison, primary: str, folder: Path) -> None:
    """accuracy.csv, a line a row and kind; recall.csv, a line a class of each; confusion.csv, a line a tested clip.

    The confusion is that of the primary row; with random initialisation alone, of its first seed.
    """
    labelling = comparison.labelling
    tested = labelling.folds >= 0
    labels, names = labelling.labels[tested], labelling.names
    bars, recalls = [], []
    for (kind, row), entry in comparison.entries.items():
        bars.append([f"{row} ({kind})", *(round(value, 4) for value in entry.accuracy)])
        for label, name in enumerate(names):
            if (labels == label).any():
                recalls.append([f"{row} ({kind})", name, round(float(entry.right[:, labels == label].mean()), 4)])
    write_csv(folder / "accuracy.csv", ["row", "accuracy", "ci_low", "ci_high"], bars)
    write_csv(folder / "recall.csv", ["row", "class", "recall"], recalls)
    guesses = comparison.entries[main_kind(primary, comparison.entries), primary].guesses[0]
    pairs = ([names[label], names[guess]] for label, guess in zip(labels, guesses, strict=True))
    write_csv(folder / "confusion.csv", ["actual", "predicted"], pairs)
