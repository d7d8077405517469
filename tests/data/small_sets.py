"""Small sets for the guards: walks, and what they are told of."""

import numpy as np

from trajprobe.data.raw_file import RawFile
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import Tracks


def walks(count=60, steps=30, d=2, seed=0):
    """Random walks (n t d) from random places."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, steps, d)).cumsum(axis=1) + generator.normal(0, 5, (count, 1, d))


def tracks_of(points, times=None, lengths=None):
    """Canonical tracks; what is behind a length becomes zero."""
    points = np.asarray(points, np.float64).copy()
    count, steps, _ = points.shape
    lengths = np.full(count, steps) if lengths is None else np.asarray(lengths)
    times = np.tile(np.arange(float(steps)), (count, 1)) if times is None else np.asarray(times, np.float64).copy()
    beyond = np.arange(steps) >= lengths[:, None]
    box = np.stack([points[~beyond].min(0), points[~beyond].max(0)])
    points[beyond], times[beyond] = 0, 0
    return Tracks(points, times, lengths, box)


def file_of(count):
    """A file whose track i is row i + 100."""
    return RawFile("data/raw/set.npz", np.arange(count) + 100)


def labelling_of(count, groups=None, folds=None, labels=None, names=("a", "b")):
    labels = np.arange(count) % len(names) if labels is None else np.asarray(labels)
    groups = np.arange(count) if groups is None else np.asarray(groups)
    folds = np.arange(count) % 5 if folds is None else np.asarray(folds)
    return Labelling(labels, np.array(names), groups, folds, "t", 0)
