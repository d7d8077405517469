"""Tables of points for the tests of cleaning and of windows."""

import numpy as np

from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable


def table(*tracks, times=None, **fields):
    """A table of tracks, each a list of points; `times` likewise."""
    points = np.concatenate([np.asarray(track, float).reshape(len(track), -1) for track in tracks])
    return PointTable(
        points=points,
        track=np.repeat(np.arange(len(tracks)), [len(track) for track in tracks]),
        track_names=np.array([f"t{at}" for at in range(len(tracks))]),
        times=None if times is None else np.concatenate(times).astype(float),
        **fields,
    )


def line(*xs):
    """A track along x."""
    return [(x, 0.0) for x in xs]


def xs(result):
    """The x of each track, by its name."""
    return {name: result.points[result.track == at, 0].tolist() for at, name in enumerate(result.track_names.tolist())}


def options(**values):
    return ImportOptions(**values)
