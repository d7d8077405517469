"""Points of a column of geometries: text (POINT (1 2)), or the bytes of a GeoParquet file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trajprobe.errors import UserError, visible_name
from trajprobe.importers.point_table import Array

POINT = r"^\s*POINT\s*Z?\s*\(\s*(\S+)\s+(\S+?)(?:\s+\S+)?\s*\)\s*$"
#: A little-endian point of well-known binary: its byte order, its type 1, x and y (OGC 06-103r4, section 8.2).
WKB = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])


def coordinates(column: "pd.Series[Any]", path: Path) -> Array:
    """The places (m 2) of a column of points.

    Raises:
        UserError: a row is no point.
    """
    first = column.iloc[0] if len(column) else ""
    if isinstance(first, bytes):
        return _binary(column, path)
    parts = column.astype(str).str.extract(POINT)
    numbers = parts.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(np.isnan(numbers).any(1))
    if len(wrong):
        raise UserError(
            f"{path}: column {visible_name(column.name)}: got {visible_name(column.iloc[wrong[0]])} in row "
            f"{wrong[0] + 1:,}, "
            "expected points as POINT (1.5 2.5)"
        )
    return numbers


def _binary(column: "pd.Series[Any]", path: Path) -> Array:
    if all(isinstance(value, bytes) and len(value) == WKB.itemsize for value in column):
        rows = np.frombuffer(b"".join(column), WKB)
        if (rows["order"] == 1).all() and (rows["type"] == 1).all():
            return np.stack([rows["x"], rows["y"]], axis=1)
    raise UserError(
        f"{path}: column {visible_name(column.name)}: expected points in two dimensions; explode other geometries"
    )
