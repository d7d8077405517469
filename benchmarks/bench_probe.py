"""python benchmarks/bench_probe.py: parts of a probe beside scikit-learn's own, and the cost of a row's whole probe."""

import os
import time
from pathlib import Path

import msgspec
import numpy as np
from measure import machine, ratio
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trajprobe.files.labelling import Labelling
from trajprobe.params import read, section
from trajprobe.probes.code_length import blocks, code_lengths
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.selection import inner_splits, select
from trajprobe.probes.settings import CLASSIFIERS, Probe
from trajprobe.probes.views import ProbedFeatures, views

CLIPS, DIMENSIONS, CLASSES, FOLDS, PROCESSES = 1000, 512, 10, 5, 2
#: Seconds that all classifiers, each as in params.yaml, may take together.
LIMIT = 60
#: Of the regressions under permuted labels: the value of the grid that learns them by heart.
C = 10.0

params = section(read(Path(__file__).parents[1] / "params.yaml"), Probe, "probe")
generator = np.random.default_rng(0)
labels = np.arange(CLIPS) % CLASSES
x = (generator.normal(size=(CLIPS, DIMENSIONS)) + 0.1 * generator.normal(size=(CLASSES, DIMENSIONS))[labels]).astype(
    "f4"
)
groups = np.arange(CLIPS)
names = np.array([f"class {number}" for number in range(CLASSES)])
labelling = Labelling(labels, names, groups, groups // CLASSES % FOLDS, "", 0)
train, test = np.flatnonzero(labelling.folds != 0), np.flatnonzero(labelling.folds == 0)
features = ProbedFeatures.of(x, params)


def selected() -> object:
    return select(features, labels, inner_splits(train, labels, groups, params), False, params)


def grid_search() -> object:
    splitter = StratifiedGroupKFold(params.inner_folds, shuffle=True, random_state=params.seed)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=params.logistic.max_iter))
    grid = {"logisticregression__C": list(params.logistic.c)}
    search = GridSearchCV(pipeline, grid, cv=splitter, refit=False)
    return search.fit(x[train].astype("f8"), labels[train], groups=groups[train])


((seen, unseen),) = views(features, train, test, False, params)
permuted = permuted_labels(labels, groups, labelling.folds, params)[:, train]


def under_permuted_labels() -> object:
    fit = params.logistic.fits(seen, params.seed)
    return [fit(labels, C).predict(unseen) for labels in permuted]


def fit_by_fit() -> object:
    return [LogisticRegression(C=C, max_iter=params.logistic.max_iter).fit(seen, y).predict(unseen) for y in permuted]


coded = blocks(groups, params)


def codes() -> object:
    return code_lengths([features], labels, coded, params)


def code_by_code() -> list[NDArray[np.float64]]:
    scaled = StandardScaler().fit_transform(x.astype("f8"))
    chances = []
    for parts in coded:
        for number in range(1, len(parts)):
            before = np.concatenate(parts[:number])
            if len(np.unique(labels[before])) > 1:
                for c in params.code_length.c:
                    fitted = LogisticRegression(C=c, max_iter=params.logistic.max_iter)
                    chances.append(fitted.fit(scaled[before], labels[before]).predict_proba(scaled[parts[number]]))
    return chances


print(f"{CLIPS} clips x {DIMENSIONS}, logistic regression; {machine()}")
ratio("selections of C", selected, {"GridSearchCV": grid_search}, 1, runs=3, digits=2)
runs = len(permuted)
ratio("runs with permuted labels", under_permuted_labels, {"LogisticRegression, each": fit_by_fit}, runs, runs=1)
ratio("codes of all labels", codes, {"LogisticRegression, each": code_by_code}, len(coded), runs=1, digits=2)

os.environ["TRAJPROBE_WORKERS"] = str(PROCESSES)
print(f"All of the probe of a row of {CLIPS} clips x {DIMENSIONS}, in {PROCESSES} processes")
total = 0.0
for classifier in CLASSIFIERS:
    begun = time.perf_counter()
    probe_networks(
        [VariantFeatures([[x]], True)], labelling, msgspec.structs.replace(params, classifier=classifier), classifier
    )
    seconds = time.perf_counter() - begun
    total += seconds
    print(f"  {classifier}: {seconds:.1f} s")
print(f"  all: {total:.1f} s, at most {LIMIT} s expected on {PROCESSES} idle cores")
