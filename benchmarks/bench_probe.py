"""python benchmarks/bench_probe.py: the selection beside scikit-learn's own, and the cost of a row's whole probe."""

import os
import time
from pathlib import Path

import msgspec
import numpy as np
from measure import machine, ratio
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trajprobe.files.labelling import Labelling
from trajprobe.params import read, section
from trajprobe.probes.row import probe_networks
from trajprobe.probes.selection import select
from trajprobe.probes.settings import Probe

CLIPS, DIMENSIONS, CLASSES, FOLDS, PROCESSES = 1000, 512, 10, 5, 2
#: Seconds that all classifiers, each as in params.yaml, may take together.
LIMIT = 60

params = section(read(Path(__file__).parents[1] / "params.yaml"), Probe, "probe")
generator = np.random.default_rng(0)
labels = np.arange(CLIPS) % CLASSES
x = (generator.normal(size=(CLIPS, DIMENSIONS)) + 0.1 * generator.normal(size=(CLASSES, DIMENSIONS))[labels]).astype(
    "f4"
)
groups = np.arange(CLIPS)
names = np.array([f"class {number}" for number in range(CLASSES)])
labelling = Labelling(labels, names, groups, groups // CLASSES % FOLDS, "", 0)
train = labelling.folds != 0
#: GridSearchCV knows nothing of a second run at equal dimension.
alone = msgspec.structs.replace(params, equal_dimensions=DIMENSIONS)


def peer() -> object:
    splitter = StratifiedGroupKFold(params.inner_folds, shuffle=True, random_state=params.seed)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=params.logistic.max_iter))
    grid = {"logisticregression__C": list(params.logistic.c)}
    search = GridSearchCV(pipeline, grid, cv=splitter, refit=False)
    return search.fit(x[train].astype("f8"), labels[train], groups=groups[train])


print(f"Selecting C on {train.sum()} clips x {DIMENSIONS}, in selections; {machine()}")
ratio("select", lambda: select(x[train], labels[train], groups[train], alone), {"GridSearchCV": peer}, 1, runs=3)

os.environ["TRAJPROBE_WORKERS"] = str(PROCESSES)
print(f"All of the probe of a row of {CLIPS} clips x {DIMENSIONS}, in {PROCESSES} processes")
total = 0.0
for classifier in ("logistic", "ridge", "knn", "mlp"):
    begun = time.perf_counter()
    probe_networks([x], labelling, msgspec.structs.replace(params, classifier=classifier), classifier)
    seconds = time.perf_counter() - begun
    total += seconds
    print(f"  {classifier}: {seconds:.1f} s")
print(f"  all: {total:.1f} s, at most {LIMIT} s expected on {PROCESSES} idle cores")
