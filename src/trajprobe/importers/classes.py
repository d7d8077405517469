"""Classes by name: which labels mean none, which classes are one, and which are left out."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data import raw
from trajprobe.data.raw_file import several
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable

#: An option's value that switches off what it would do by itself.
NONE = "none"


def cleaned(table: PointTable, options: ImportOptions, where: str) -> PointTable:
    """`table`, decoded, with labels that are indices of `label_names` (k), and without the tracks that have none.

    Raises:
        UserError: there are no labels; an option names a class that does not exist. `where` begins the message.
    """
    if table.labels is None:
        raise UserError(
            f"{where}: no labels; name them with --label COLUMN (--labels KEY for arrays), take them from a second "
            "table "
            "with --labels FILE --on COLUMN, or from the files' names with --label-from filename or folder"
        )
    table, labels = _labelled(table, table.labels, options, where)
    own_order = table.label_names is not None or labels.dtype.kind != "U"
    indices, names = raw.classes(where, labels, table.label_names)
    table = replace(table, labels=indices, label_names=names)
    table = _renamed(table, [name.strip() for name in names.tolist()], "differ by spaces around their names")
    if options.ignore_case:
        table = _renamed(table, _spelling(table), "differ by capitals")
    table = _merged(table, options.merge_class, where)
    table = _without(table, options.drop_class, where)
    return table if own_order else _sorted(table)


def frequent(table: PointTable, least: int) -> PointTable:
    """Without the classes of fewer than `least` tracks."""
    names, counts = _names(table), _counts(table)
    few = (counts < least) & (counts > 0)
    if not few.any():
        return table
    listed = visible_names([f"{name} ({count})" for name, count in zip(names[few], counts[few], strict=True)])
    note = (
        f"{several(int(counts[few].sum()), 'track')} left out: their classes have fewer than {least} tracks: {listed}"
    )
    return table.with_tracks(~few[_indices(table)], note)


def check_sizes(table: PointTable, where: str) -> None:
    """Raises UserError where a class has one track: it can't be both trained on and tested."""
    counts = _counts(table)
    single = np.flatnonzero(counts == 1)
    if len(single):
        raise UserError(
            f"{where}: {len(single)} of {int((counts > 0).sum())} classes have one track "
            f"({visible_names(_names(table)[single])}), which can't be both trained on and tested; "
            "--min-per-class 2 leaves them out. Are the labels those of classes?"
        )


def too_small(data: raw.Raw, folds: int) -> list[str]:
    """A warning for classes that `prepare` refuses: of fewer groups than `folds`. A set with a split has no folds."""
    if data.split is not None:
        return []
    counts = {
        str(data.label_names[of]): len(np.unique(data.groups[data.labels == of])) for of in np.unique(data.labels)
    }
    few = {name: count for name, count in counts.items() if count < folds}
    if not few:
        return []
    grouped = len(data.group_names) < len(data.groups)
    sizes = visible_names(
        [f"{name} ({several(count, 'group' if grouped else 'track')})" for name, count in few.items()]
    )
    # It counts tracks, not groups.
    ways = ([] if grouped else [f"--min-per-class {folds}"]) + ["--drop-class CLASS"]
    return [
        f"warning: got {'a class' if len(few) == 1 else 'classes'} of fewer {'groups' if grouped else 'tracks'} than "
        f"`prepare.folds`, {folds}, which a run refuses: {sizes}; import again with --force {' or '.join(ways)}, or "
        "lower `prepare.folds` in params.yaml"
    ]


def similar(table: PointTable) -> list[str]:
    """A sentence for classes whose names differ by capitals alone."""
    spellings: dict[str, list[str]] = {}
    counts = _counts(table)
    for name, count in zip(_names(table).tolist(), counts, strict=True):
        if count:
            spellings.setdefault(name.casefold(), []).append(name)
    alike = [" = ".join(map(visible_name, names)) for names in spellings.values() if len(names) > 1]
    return [f"classes that differ by capitals alone: {', '.join(alike[:5])}; --ignore-case merges them"] * bool(alike)


def _labelled(
    table: PointTable, labels: NDArray[Any], options: ImportOptions, where: str
) -> tuple[PointTable, NDArray[Any]]:
    """Without the tracks whose label means none: "", nan, and -1 beside at least two classes; and the labels left."""
    texts = np.strings.strip(_texts(labels))
    if options.unlabelled:
        unlabelled = np.isin(texts, options.unlabelled) & (options.unlabelled != (NONE,))
    else:
        unlabelled = np.isin(np.strings.lower(texts), ("", "nan"))
        # Two classes are often called -1 and 1.
        if len(np.unique(texts[~unlabelled & (texts != "-1")])) > 1:
            unlabelled |= texts == "-1"
    if unlabelled.all():
        raise UserError(f"{where}: no track has a label: all are {visible_names(np.unique(texts)) or 'empty'}")
    values = visible_names([name or "empty" for name in np.unique(texts[unlabelled]).tolist()])
    note = f"{unlabelled.sum()} of {len(texts)} tracks left out: they have no label ({values})"
    table = table.with_tracks(~unlabelled, *[note] * bool(unlabelled.any()))
    kept = labels[~unlabelled]
    return table, kept.astype(np.int64) if kept.dtype.kind == "f" and not np.isnan(kept).any() else kept


def _texts(labels: NDArray[Any]) -> NDArray[np.str_]:
    if labels.dtype.kind != "f":
        return labels.astype(np.str_)
    missing = np.isnan(labels)
    return np.where(missing, "nan", np.where(missing, 0, labels).astype(np.int64).astype(np.str_))


def _spelling(table: PointTable) -> list[str]:
    """For each class the commonest spelling of its name."""
    names = _names(table).tolist()
    counts = Counter(dict(zip(names, _counts(table).tolist(), strict=True)))
    best: dict[str, str] = {}
    for name, _ in counts.most_common():
        best.setdefault(name.casefold(), name)
    return [best[name.casefold()] for name in names]


def _merged(table: PointTable, pairs: tuple[str, ...], where: str) -> PointTable:
    names = _names(table).tolist()
    new = dict(zip(names, names, strict=True))
    for pair in pairs:
        old, equals, name = pair.partition("=")
        if not equals or not name or old not in new:
            raise UserError(
                f"{where}: --merge-class: got {visible_name(pair)}, expected OLD=NEW, OLD a class: "
                f"{visible_names(names)}"
            )
        new[old] = name
    return _renamed(table, [new[name] for name in names], "--merge-class names") if pairs else table


def _renamed(table: PointTable, new: list[str], reason: str) -> PointTable:
    """Class i (k) gets the name `new[i]`; classes of the same name are one."""
    old = _names(table).tolist()
    if new == old:
        return table
    unique = list(dict.fromkeys(new))
    numbers = np.array([unique.index(name) for name in new])
    counts = _counts(table)
    merged = [
        f"{visible_name(repr(name))} ({several(int(count), 'track')}) into {visible_name(repr(other))}"
        for name, other, count in zip(old, new, counts, strict=True)
        if name != other and new.count(other) > 1
    ]
    note = f"classes merged that {reason}: {', '.join(merged[:10])}" + ", ..." * (len(merged) > 10)
    notes = (*table.notes, note) if len(unique) < len(old) else table.notes
    return replace(table, labels=numbers[_indices(table)], label_names=np.array(unique), notes=notes)


def _without(table: PointTable, dropped: tuple[str, ...], where: str) -> PointTable:
    names = _names(table)
    for name in dropped:
        if name not in names:
            raise UserError(
                f"{where}: --drop-class: got {visible_name(name)}, expected a class: {visible_names(names)}"
            )
    if not dropped:
        return table
    gone = np.isin(names, dropped)[_indices(table)]
    table = table.with_tracks(~gone, f"{gone.sum()} of {len(gone)} tracks left out: of class {visible_names(dropped)}")
    numbers = np.cumsum(~np.isin(names, dropped)) - 1
    return replace(table, labels=numbers[_indices(table)], label_names=names[~np.isin(names, dropped)])


def _sorted(table: PointTable) -> PointTable:
    """With classes in the order of their names; where all of these are whole numbers, of the numbers: 2 before 10."""
    names, inverse = np.unique(_names(table), return_inverse=True)
    if all(re.fullmatch(r"-?[0-9]+", name) for name in names.tolist()):
        order = sorted(range(len(names)), key=lambda place: int(names[place]))
        names, inverse = names[order], np.argsort(order)[inverse]
    return replace(table, labels=inverse[_indices(table)], label_names=names)


def _names(table: PointTable) -> NDArray[np.str_]:
    return np.asarray(table.label_names, np.str_)


def _indices(table: PointTable) -> NDArray[np.int64]:
    return np.asarray(table.labels, np.int64)


def _counts(table: PointTable) -> NDArray[np.int64]:
    """(k), the tracks of each class."""
    return np.bincount(_indices(table), minlength=len(_names(table)))
