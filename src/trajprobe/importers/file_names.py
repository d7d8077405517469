"""What files are called, as the class, the group or the split of their tracks: the whole name, its folder, or a part.

A part is named by a pattern of the name, with {} where it stands and * for whatever else there is: `subject{}_*` is 03
of subject03_walk_2.csv. Each ends before the first of what follows it: {} before `_`. A pattern with a slash goes on to
the folders.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.options import ImportOptions

#: Patterns of the two that have names of their own.
PATTERNS = {"filename": "{}", "folder": "{}/*"}
#: Endings of packed files, before which there is another one.
PACKED = (".gz",)
#: The options, and what of a table each stands for.
OPTIONS = {"label_from": "labels", "group_from": "groups", "split_from": "split"}


def of_files(files: Sequence[Path], options: ImportOptions) -> tuple[dict[str, NDArray[np.str_]], tuple[str, ...]]:
    """By field of a `PointTable` what each of the files (f) has, where an option takes it from their names.

    Returns these, and a sentence for each that was taken by a pattern.

    Raises:
        UserError: a pattern has no {}, or a file is called otherwise.
    """
    fields, guesses = {}, []
    for option, field in OPTIONS.items():
        if pattern := getattr(options, option):
            flag = f"--{option.replace('_', '-')}"
            fields[field] = np.array([_part(file, pattern, flag) for file in files])
            if pattern not in PATTERNS:
                counts = Counter(fields[field].tolist())
                listed = visible_names(f"{name} ({count})" for name, count in sorted(counts.items()))
                guesses.append(f"{field} of files' names by {flag} {visible_name(pattern)}: {listed}")
    return fields, tuple(guesses)


def bare(file: Path) -> str:
    """A file's name without its ending."""
    name = file.with_suffix("") if file.suffix.lower() in PACKED else file
    return name.stem


def _part(file: Path, pattern: str, flag: str) -> str:
    pattern = PATTERNS.get(pattern, pattern)
    words = re.split(r"(\{\}|\*)", pattern)  # texts, with a {} or * between every two
    if pattern.count("{}") != 1 or "" in words[2:-2:2]:
        raise UserError(
            f"{flag}: got {visible_name(pattern)}, expected filename, folder, or a pattern of the files' names with "
            "one {} for the part that counts, * for any other, and what stands between them: 'subject{}_*'"
        )
    ends = [f"(?!{re.escape(text)})" if text else "" for text in words[2::2]]
    parts = [
        f"((?:{end}[^/])+)" if word == "{}" else f"(?:{end}[^/])*" for word, end in zip(words[1::2], ends, strict=True)
    ]
    expression = re.escape(words[0]) + "".join(
        part + re.escape(text) for part, text in zip(parts, words[2::2], strict=True)
    )
    folders = pattern.count("/")
    name = "/".join([*file.resolve().parts[1:-1][-folders:], bare(file)] if folders else [bare(file)])
    match = re.fullmatch(expression, name)
    if not match:
        raise UserError(
            f"{file}: {flag}: got the name {visible_name(name)}, expected one like {visible_name(pattern)}; {{}} is "
            "the part that counts, * any other, the ending is none; rename the file, or name its tracks in a second "
            "table: --labels FILE --on COLUMN"
        )
    return match[1]
