"""The columns of a table, read chunk by chunk, so that its numbers are in memory once: as the array that is kept."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trajprobe.importers.point_table import Array

#: Rows of a chunk.
ROWS = 2**17
#: Texts are kept as numbers of the distinct ones, while these are at most a chunk's, or this share of all.
DISTINCT = 0.5


@dataclass
class Chunked:
    """The columns of m rows."""

    numbers: dict[str, int]  #: columns that hold numbers alone, and their place in `values`
    values: Array  #: (rows k), NaN where there is no number
    others: dict[str, list["pd.Series[Any]"]]  #: by name each chunk of a column, from the first row to the last
    kept: NDArray[np.bool_] | None = None  #: (rows), which of them count; None: all m

    def __len__(self) -> int:
        return len(self.values) if self.kept is None else int(self.kept.sum())

    def __getitem__(self, name: str) -> "pd.Series[Any]":
        """A column (m); its index are the places of its rows in the file."""
        if name in self.numbers:
            column = pd.Series(self.values[:, self.numbers[name]])
        elif all(isinstance(chunk.dtype, pd.CategoricalDtype) for chunk in self.others[name]):
            column = pd.Series(pd.api.types.union_categoricals(self.others[name]))
        else:
            column = pd.concat(self.others[name], ignore_index=True)
        return (column if self.kept is None else column[self.kept]).rename(name)

    def leave_out(self, rows: NDArray[np.bool_]) -> None:
        """From now on these of the rows (m) do not count."""
        if self.kept is None:
            self.kept = ~rows
        else:
            self.kept[self.kept] = ~rows

    def array(self, name: str) -> Array:
        """A column of numbers (m), of the same memory where all rows count."""
        column = self.values[:, self.numbers[name]]
        return column if self.kept is None else column[self.kept]


def chunked(frames: Iterable[pd.DataFrame], names: Sequence[str], numbers: Collection[str]) -> Chunked:
    """The columns `names` of frames that follow each other; `numbers` of them should be such, and keep this order."""
    places = {name: place for place, name in enumerate(dict.fromkeys(numbers))}
    values: Array = np.empty((0, len(places)))
    others: dict[str, list[pd.Series[Any] | NDArray[np.signedinteger[Any]]]] = {
        name: [] for name in names if name not in places
    }
    distinct: dict[str, dict[str, int]] = {name: {} for name in names}
    for frame in frames:
        rows = len(values)
        # The system moves no memory for it, which np.append would copy.
        values.resize((rows + len(frame), len(places)), refcheck=False)
        for name, place in places.items():
            if name not in others and is_number(frame[name].dtype):
                values[rows:, place] = frame[name].to_numpy(np.float64, na_value=np.nan)
            elif name not in others:
                others[name] = [pd.Series(values[:rows, place].copy())] if rows else []
        for name, chunks in others.items():
            chunks.append(_packed(frame[name], distinct[name], len(values)))
    kept = {name: _unpacked(chunks, distinct[name]) for name, chunks in others.items()}
    return Chunked({name: place for name, place in places.items() if name not in others}, values, kept)


def _packed(
    column: "pd.Series[Any]", distinct: dict[str, int], rows: int
) -> "pd.Series[Any] | NDArray[np.signedinteger[Any]]":
    """A column that shares no memory with others of its frame; texts as their numbers in `distinct`, which grows.

    But where most texts of the `rows` so far are distinct.
    """
    if not isinstance(column.dtype, pd.StringDtype) or len(distinct) > max(ROWS, DISTINCT * rows):
        return column.copy()
    codes, texts = pd.factorize(column)
    numbers = [distinct.setdefault(text, len(distinct)) for text in texts]
    smallest = np.min_scalar_type(-len(distinct) - 1)
    return np.array([*numbers, -1], smallest)[codes]  # a missing one is -1, the last


def _unpacked(
    chunks: Sequence["pd.Series[Any] | NDArray[np.signedinteger[Any]]"], distinct: dict[str, int]
) -> list["pd.Series[Any]"]:
    """Numbers of texts as a column that shows these."""
    kind = pd.CategoricalDtype(pd.Index(list(distinct), dtype="str"))
    return [
        pd.Series(pd.Categorical.from_codes(chunk, dtype=kind)) if isinstance(chunk, np.ndarray) else chunk
        for chunk in chunks
    ]


def is_number(dtype: Any) -> bool:
    """Whether a column's values are real numbers."""
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(dtype) and not kinds.is_bool_dtype(dtype) and not kinds.is_complex_dtype(dtype))
