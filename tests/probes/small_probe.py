"""A small data set of groups, and a probe's parameters, for the tests of probes."""

import msgspec
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trajprobe.files.labelling import Labelling
from trajprobe.probes.cross_validation import OuterFold, probe_fold
from trajprobe.probes.selection import inner_splits
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures

GRID = (0.001, 0.03, 1.0, 30.0)

#: 3 classes of 10 groups of 4 clips; 5 folds, each with 2 groups of each class.
GROUPS = np.arange(120) // 4

LABELS = GROUPS % 3

FOLDS = (GROUPS // 3) % 5

#: Keeps scikit-learn's solver from stopping before the optimum, where the shared regressions are.
TIGHT = {"tol": 1e-9, "max_iter": 20000}

NO_PERMUTATION = np.empty((0, 120), dtype=np.int64)

CLASSIFIERS = ("logistic", "ridge", "knn", "mlp")

SETTINGS = {
    "classifier": "logistic",
    "logistic": {"c": GRID, "max_iter": 2000},
    "ridge": {"alpha": [0.1, 10, 1000]},
    "knn": {"neighbours": [1, 5, 20]},
    "mlp": {"alpha": [0.1, 10], "units": 8, "epochs": 5, "batch": 20, "learning_rate": 0.01},
    "inner_folds": 4,
    "pca_above": 50,
    "pca_components": 3,
    "equal_dimensions": 4,
    "permutations": 3,
    "few_shot": {"draws": 5, "c": 1},
    "code_length": {"draws": 2, "c": [0.1, 1]},
    "attentive": {
        "heads": 2,
        "width": 4,
        "steps": 30,
        "batch": 16,
        "learning_rate": [0.003, 0.03],
        "weight_decay": 0.01,
    },
    "seed": 0,
}


def params(c=GRID, max_iter=2000, **changed):
    """The probe's parameters, as in params.yaml; `c` and `max_iter` are those of `logistic`."""
    return msgspec.convert(SETTINGS | {"logistic": {"c": c, "max_iter": max_iter}} | changed, Probe)


def labelled(labels=LABELS, groups=GROUPS, folds=FOLDS):
    return Labelling(labels, np.array(["a", "b", "c"]), groups, folds, "t1", 0)


def features(signal, of_group, dimensions=12, seed=0):
    """Unit noise, plus a place for each class and for each group; columns of very unlike scale."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(120, dimensions))
    x += (
        signal * generator.normal(size=(3, dimensions))[LABELS]
        + of_group * generator.normal(size=(30, dimensions))[GROUPS]
    )
    return (x * np.logspace(-2, 2, dimensions) + 5).astype(np.float32)


def plain(c, reduce=(), **solver):
    widen = FunctionTransformer(np.float64)  # the solver's; a PCA before it keeps the features' own float32
    return make_pipeline(*reduce, widen, StandardScaler(), LogisticRegression(C=c, **({"max_iter": 2000} | solver)))


def plain_equal(c, components=4):
    """The same at equal dimension, of a row that is not reduced anyway."""
    reduce = (FunctionTransformer(np.float64), StandardScaler(), PCA(components, random_state=0))
    return plain(c, reduce)


def best(results):
    """The first of the best; scikit-learn's own choice among equals is up to the last bit of their means."""
    return int(np.argmax(np.round(results["mean_test_score"], 9)))


def oracle(x, fold, settings, splitter=StratifiedGroupKFold, steps=None):
    """What scikit-learn's search chooses and predicts without the clips under test."""
    train = fold != FOLDS
    inner = splitter(settings.inner_folds, shuffle=True, random_state=settings.seed)
    by_group = {"groups": GROUPS[train]} if splitter is StratifiedGroupKFold else {}
    splits = list(inner.split(x[train], LABELS[train], **by_group))
    assert {len(held_out) for _, held_out in splits} == {24}  # so that a mean over folds is one over clips
    grid = {"logisticregression__C": list(settings.logistic.c)}
    search = GridSearchCV(steps or plain(1), grid, cv=splits, scoring="accuracy", refit=best)
    search.fit(x[train], LABELS[train])
    return search.best_params_["logisticregression__C"], search.predict(x[~train])


def outer(fold, settings, permuted=NO_PERMUTATION, labelling=None, drawn=(), shots=()):
    labelling = labelling or labelled()
    train, test = np.flatnonzero(labelling.folds != fold), np.flatnonzero(labelling.folds == fold)
    splits = inner_splits(train, labelling.labels, labelling.groups, settings)
    return OuterFold(train, test, splits, permuted, list(drawn), list(shots))


def probed(x, fold, settings, permuted=NO_PERMUTATION, labelling=None, drawn=(), shots=(), equal=True):
    place = outer(fold, settings, permuted, labelling, drawn, shots)
    labels = (labelling or labelled()).labels
    return probe_fold([ProbedFeatures.of(x, settings)], labels, place, equal, settings)
