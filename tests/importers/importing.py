"""Imports files without a repository: what `trajprobe data import` checks before it writes anything."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions


def imported(*files, **options):
    """The data set that the files are; its points by track name, what was guessed and what was noted."""
    options = {
        name: (value,) if name in TUPLES and isinstance(value, str) else value for name, value in options.items()
    }
    data, guesses = load(tuple(map(Path, files)), ImportOptions(**options))
    real = np.isfinite(data.trajectories).all(2)
    return SimpleNamespace(
        data=data,
        guesses=" | ".join(guesses),
        notes=" | ".join(data.notes),
        names=data.track_names.tolist(),
        points={name: data.trajectories[at][real[at]].tolist() for at, name in enumerate(data.track_names.tolist())},
        times={name: data.times[at][real[at]].tolist() for at, name in enumerate(data.track_names.tolist())},
        labels=data.label_names[data.labels].tolist(),
        groups=data.group_names[data.groups].tolist(),
    )


def refusal(*files, **options):
    """The message of a refused import: one line."""
    with pytest.raises(UserError) as caught:
        imported(*files, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


TUPLES = {"id", "on", "missing", "unlabelled", "merge_class", "drop_class"}
