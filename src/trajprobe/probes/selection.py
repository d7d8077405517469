"""Which value of the classifier's grid is taken: chosen inside the training clips, by group.

The chosen value's score is not reported: it is the best of many.
"""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.errors import UserError
from trajprobe.probes.classifiers import Integers, Matrix
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import views, widths


class Choice(NamedTuple):
    """Of one view."""

    value: float
    at_edge: bool  #: it stands at an end of the grid, and was better than its neighbour: a wider one might do better


def select(x: Matrix, labels: Integers, groups: Integers, params: Probe) -> list[Choice]:
    """For each view of x (n d), the value with the best accuracy over inner folds; of equals the simplest.

    Raises:
        UserError: there are too few groups or clips for the inner folds, or for the most neighbours.
    """
    classifier, count = params.model, len(widths(x.shape, params))
    grid = classifier.grid
    if len(grid) == 1:
        return [Choice(grid[0], False)] * count
    for what, there in (
        ("groups", len(np.unique(groups))),
        ("clips of its largest class", int(np.bincount(labels).max())),
    ):
        if there < params.inner_folds:
            raise UserError(
                f"probe: a fold trains on {there} {what}, fewer than `probe.inner_folds`, {params.inner_folds}; lower "
                f"that, or give `probe.{classifier.key}` one value, for which nothing is to be chosen"
            )
    right = np.zeros((count, len(grid)), dtype=np.int64)
    splitter = StratifiedGroupKFold(params.inner_folds, shuffle=True, random_state=params.seed)
    for train, test in splitter.split(x, labels, groups):
        if len(np.unique(labels[train])) < 2:
            raise UserError(
                "probe: an inner fold trains on one class; the classes have too few groups for `probe.inner_folds`"
            )
        for view, (seen, unseen) in enumerate(views(x[train], x[test], params)):
            for index, value in enumerate(grid):
                fitted = classifier.fit(seen, labels[train], value, params.seed)
                right[view, index] += np.sum(fitted.predict(unseen) == labels[test])
    return [_choice(grid, one, classifier.last) for one in right]


def _choice(grid: tuple[float, ...], right: Integers, last: float | None) -> Choice:
    """The first of the best; those before it are worse, so that only the first value can be an edge by a tie."""
    best = int(right.argmax())
    at_end = best in (0, len(grid) - 1) and grid[best] != last
    neighbour = right[1] if best == 0 else right[best - 1]
    return Choice(grid[best], bool(at_end and right[best] > neighbour))
