"""Data sets made in memory, for tests of pages and pictures."""

from pathlib import Path

import numpy as np

from trajprobe.data import raw
from trajprobe.data.canonical import canonical
from trajprobe.inspection.measures import DataSet


def walks(names, count=4, steps=12, dimensions=2, **arrays):
    """A data set of random walks: `count` tracks for each of the classes `names`."""
    generator = np.random.default_rng(0)
    labels = np.arange(count * len(names)) % len(names)
    points = generator.normal(size=(len(labels), steps, dimensions)).cumsum(axis=1)
    return data_set({"trajectories": points, "labels": labels, "label_names": np.array(names)} | arrays)


def data_set(arrays):
    checked = raw.check(arrays, Path("data/raw/walks.npz"))
    return DataSet("walks", Path("data/raw/walks.npz"), checked, canonical(checked))
