"""python benchmarks/bench_probe.py: one fold's selection of C, beside scikit-learn's GridSearchCV doing the same."""

import numpy as np
from measure import machine, ratio
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from trajprobe.probes.classifier import Probe, pipeline, select

CLIPS, DIMENSIONS, CLASSES = 800, 512, 10

params = Probe(
    inner_folds=3,
    c=(0.001, 0.01, 0.1, 0.3, 1, 3, 10, 100),
    max_iter=1000,
    pca_above=4096,
    pca_components=100,
    permutations=0,
    seed=0,
)
generator = np.random.default_rng(0)
labels = np.arange(CLIPS) % CLASSES
x = (generator.normal(size=(CLIPS, DIMENSIONS)) + 0.1 * generator.normal(size=(CLASSES, DIMENSIONS))[labels]).astype(
    "f4"
)
groups = np.arange(CLIPS)


def peer() -> object:
    splitter = StratifiedGroupKFold(params.inner_folds, shuffle=True, random_state=params.seed)
    grid = {"classify__C": list(params.c)}
    search = GridSearchCV(pipeline(x.shape, params, 1.0), grid, cv=splitter, refit=False)
    return search.fit(x, labels, groups=groups)


print(f"Selecting C on {CLIPS} clips x {DIMENSIONS}, in selections; {machine()}")
ratio("select", lambda: select(x, labels, groups, params), {"GridSearchCV": peer}, 1, runs=3)
