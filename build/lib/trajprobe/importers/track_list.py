"""A table of points from tracks that a file holds one by one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible_name
from trajprobe.importers.point_table import PointTable


def point_table(
    tracks: Sequence[NDArray[Any]], names: Sequence[str], times: Sequence[NDArray[Any]] | None = None, **columns: Any
) -> PointTable:
    """The points of n tracks.

    Args:
        tracks: n arrays (t d), of one d; t differs from track to track.
        names: n, what the file calls them.
        times: n arrays (t).
        columns: the other fields of a table of points.
    """
    lengths = [len(track) for track in tracks]
    return PointTable(
        points=np.concatenate(tracks).astype(np.float64),
        track=np.repeat(np.arange(len(tracks)), lengths),
        track_names=np.array(names, dtype=np.str_),
        times=None if times is None else np.concatenate(times),
        **columns,
    )


def instants(texts: Sequence[str | None], path: Path) -> NDArray[np.datetime64]:
    """Times (t) of ISO 8601, in UTC to the microsecond; NaT for None.

    Raises:
        UserError: one is no such time.
    """
    values = []
    for text in texts:
        try:
            moment = datetime.fromisoformat(text.strip()) if text else None
        except ValueError:
            raise UserError(
                f"{path}: got the time {visible_name(text)}, expected one like 2026-05-01T12:30:00Z"
            ) from None
        values.append(moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment)
    return np.array(values, dtype="datetime64[us]")
