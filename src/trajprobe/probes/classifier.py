"""The probe: standardise and logistic regression; its C is chosen inside the training clips, by group.

Every clip is predicted once, by a probe that never saw it, its group, or anything fitted on either. The chosen C's
score is not reported; the out-of-fold predictions are what everything else is computed from.
"""

import warnings
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trajprobe.params import Parameters, Seed, UserError

Matrix = NDArray[np.floating]
Integers = NDArray[np.int64]


class Probe(Parameters, frozen=True):
    """How rows are probed, all alike (`probe` in params.yaml)."""

    inner_folds: Annotated[int, Meta(ge=2)]  #: of the selection of C, inside train
    c: Annotated[
        tuple[Annotated[float, Meta(gt=0.0, le=1e9)], ...], Meta(min_length=1)
    ]  #: inverse penalties to choose from
    max_iter: Annotated[int, Meta(ge=1)]
    pca_above: Annotated[int, Meta(ge=1)]  #: rows of more dimensions than this are reduced by PCA, fitted on train
    pca_components: Annotated[int, Meta(ge=1)]
    permutations: Annotated[int, Meta(ge=0)]  #: runs a row with permuted labels, at the C that the true ones chose
    seed: Seed


class Fold(NamedTuple):
    """What probing one fold gave; it tests m of the clips."""

    tested: Integers  #: (m), which clips
    predictions: Integers  #: (m)
    c: float  #: chosen inside train
    right_permuted: Integers  #: (permutations), how many of the m were right when the labels were permuted
    converged: bool  #: whether the classifier that predicted them had


def pipeline(shape: tuple[int, ...], params: Probe, c: float) -> Pipeline:
    """Standardise and logistic regression, in float64; rows wider than `pca_above` go through PCA first.

    `shape` is that of the features it is to be fitted on (n d): PCA has no more components than either.
    """
    steps: list[tuple[str, object]] = []
    if shape[1] > params.pca_above:
        steps.append(("reduce", PCA(min(params.pca_components, *shape), random_state=params.seed)))
    # Not before PCA: a row that is so wide would be as large again.
    steps.append(("widen", FunctionTransformer(np.asarray, kw_args={"dtype": np.float64})))
    steps.append(("standardise", StandardScaler()))
    steps.append(("classify", LogisticRegression(C=c, max_iter=params.max_iter)))
    return Pipeline(steps)


def probe_fold(
    x: Matrix, labels: Integers, groups: Integers, folds: Integers, fold: int, permuted: Integers, params: Probe
) -> Fold:
    """Chooses C and trains on all other folds, and predicts this one.

    Args:
        x: (n d), features of one network.
        labels: (n).
        groups: (n), clips that no split may part.
        folds: (n), the fold that tests the clip; negative: only ever trained on.
        fold: the one to test.
        permuted: (permutations n), labels that have nothing to do with the clips.
        params: the probe's.
    """
    # Told once a row, by `converged`, and not by a warning a fit.
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    c = select(x[train], labels[train], groups[train], params)
    steps = pipeline(x[train].shape, params, c)
    predictions = steps.fit(x[train], labels[train]).predict(x[test])
    converged = bool(np.max(steps[-1].n_iter_) < params.max_iter)
    # What comes before the classifier does not see the labels: fitted once, it serves every permutation.
    before, classify = steps[:-1], steps[-1]
    seen, unseen = before.transform(x[train]), before.transform(x[test])
    right = [np.sum(classify.fit(seen, guess[train]).predict(unseen) == guess[test]) for guess in permuted]
    return Fold(test, predictions, c, np.array(right, dtype=np.int64), converged)


def tested_folds(folds: Integers) -> list[int]:
    return [int(fold) for fold in np.unique(folds) if fold >= 0]


def select(x: Matrix, labels: Integers, groups: Integers, params: Probe) -> float:
    """The C of the grid with the best accuracy over inner folds; of equals the smallest.

    Raises:
        UserError: there are too few groups or clips for the inner folds.
    """
    if len(params.c) == 1:
        return params.c[0]
    for what, there in (
        ("groups", len(np.unique(groups))),
        ("clips of its largest class", int(np.bincount(labels).max())),
    ):
        if there < params.inner_folds:
            raise UserError(
                f"probe: a fold trains on {there} {what}, fewer than `probe.inner_folds`, {params.inner_folds}; lower "
                "that, or give `probe.c` one value, for which nothing is to be chosen"
            )
    grid = sorted(params.c)
    right = np.zeros(len(grid))
    splitter = StratifiedGroupKFold(params.inner_folds, shuffle=True, random_state=params.seed)
    for train, test in splitter.split(x, labels, groups):
        if len(np.unique(labels[train])) < 2:
            raise UserError(
                "probe: an inner fold trains on one class; the classes have too few groups for `probe.inner_folds`"
            )
        steps = pipeline(x[train].shape, params, grid[0])
        before, classify = steps[:-1], steps[-1]
        seen, unseen = before.fit_transform(x[train]), before.transform(x[test])
        for index, c in enumerate(grid):
            classify.set_params(C=c).fit(seen, labels[train])
            right[index] += np.sum(classify.predict(unseen) == labels[test])
    return float(grid[int(right.argmax())])


def permuted_labels(labels: Integers, groups: Integers, params: Probe) -> Integers:
    """Labels that have nothing to do with the clips: (permutations n).

    Whole groups change places: where all clips of a group have one label, their permuted labels agree as well, as
    far as the groups' sizes allow.
    """
    generator = np.random.default_rng(params.seed)
    shuffled = np.empty((params.permutations, len(labels)), dtype=np.int64)
    given = labels[np.argsort(groups, kind="stable")]
    for row in shuffled:
        place = generator.permutation(int(groups.max()) + 1)[groups]
        # Within a group in random order: where each subject does each class, swapping subjects would change nothing.
        row[np.lexsort((generator.random(len(labels)), place))] = given
    return shuffled
