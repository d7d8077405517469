"""Lists of arrays, as cells of MATLAB hold them, as one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stacked(items: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
    """All n arrays as one whose first axis is theirs.

    Texts and single numbers become a vector (n). Matrices become (n a b), the shorter ones padded with NaN: whichever
    axis differs is that of points. None where items are of different kinds.
    """
    items = [np.asarray(item) for item in items]
    kinds = {item.dtype.kind for item in items}
    if items and kinds <= {"U"} and all(item.size <= 1 for item in items):
        return np.array([str(item.reshape(-1)[0]) if item.size else "" for item in items])
    if not items or not kinds <= set("biuf"):
        return None
    if all(item.size == 1 for item in items):
        return np.array([item.reshape(-1)[0] for item in items])
    if any(item.ndim != 2 for item in items):
        return None
    shape = np.max([item.shape for item in items], axis=0)
    padded = np.full((len(items), *shape), np.nan)
    for row, item in zip(padded, items, strict=True):
        row[: item.shape[0], : item.shape[1]] = item
    return padded


def squeezed(array: NDArray[Any]) -> NDArray[Any]:
    """A matrix with one row or one column as a vector: MATLAB has no vectors."""
    return array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
