"""Guard: class names that mean none, or that differ in nothing but spaces and case."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from trajprobe.data.raw_file import RawFile, several
from trajprobe.errors import visible_name
from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling

#: What tables and people write where there is no label; compared without spaces and case.
NO_LABEL = ("", "-1", "?", "-", "nan", "n/a", "none", "null", "unknown", "unlabelled", "unlabeled")


def findings(labelling: Labelling, file: RawFile) -> Iterator[Finding]:
    """A finding for names that mean none, and one for names that look alike."""
    counts = np.bincount(labelling.labels, minlength=len(labelling.names))
    names = [(str(name), int(count)) for name, count in zip(labelling.names, counts, strict=True) if count]
    empty = [(name, count) for name, count in names if _plain(name) in NO_LABEL]
    if empty:
        options = " ".join(f"--unlabelled={_quoted(name)}" for name, _ in empty)
        yield Finding(
            "no label",
            f"{several(sum(count for _, count in empty), 'track')} of {sum(counts):,} carry a label that looks like "
            f"none ({first([_quoted(name) for name, _ in empty])}), and count as a class: "
            f"{file.imported_with(options)} leaves them out.",
            tuple(visible_name(name) for name, _ in empty),
        )
    alike: dict[str, list[str]] = defaultdict(list)
    for name, _ in names:
        alike[_plain(name)].append(_quoted(name))
    sets = [" = ".join(of_set) for of_set in alike.values() if len(of_set) > 1]
    if sets:
        yield Finding(
            "alike labels",
            f"Names of classes differ in spaces or case alone ({first(sets)}), and count as different classes: "
            f"{file.imported_with('--ignore-case')} makes one class of each.",
            tuple(sets),
        )


def _plain(name: str) -> str:
    """A name without what does not meet the eye: spaces around and repeated, case, and forms of one letter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _quoted(name: str) -> str:
    return visible_name(f"'{name}'")
