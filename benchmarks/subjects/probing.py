"""Parts of a probe beside scikit-learn's own, and the whole probe of a row by each classifier.

1,000 clips of 512 dimensions and 10 classes, settings as in params.yaml. GridSearchCV has a pipeline of StandardScaler
and LogisticRegression over the same penalties and the same splits by group. All of a row's probe (its selections,
permutations, few labels and code length) takes two processes.
"""

import os
from collections.abc import Iterator

import msgspec
import numpy as np
from measure import ROOT, Row, compared
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

CLASSES, FOLDS, PROCESSES = 10, 5, 2
#: Of the regressions under permuted labels: the value of the grid that learns them by heart.
C = 10.0


def rows(*, quick: bool) -> Iterator[Row]:
    clips, dimensions = (100, 8) if quick else (1000, 512)
    runs = 1 if quick else 3
    params = section(read(ROOT / "params.yaml"), Probe, "probe")
    if quick:
        few = msgspec.structs.replace
        mlp, shots = few(params.mlp, epochs=2, batch=16), few(params.few_shot, draws=2)
        lengths = few(params.code_length, draws=2)
        params = few(params, permutations=2, mlp=mlp, few_shot=shots, code_length=lengths)
    generator = np.random.default_rng(0)
    labels = np.arange(clips) % CLASSES
    centres = 0.1 * generator.normal(size=(CLASSES, dimensions))
    x = (generator.normal(size=(clips, dimensions)) + centres[labels]).astype("f4")
    groups = np.arange(clips)
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

    yield from compared("choice of a penalty", selected, {"GridSearchCV": grid_search}, runs=runs)
    ((seen, unseen),) = views(features, train, test, False, params)
    permuted = permuted_labels(labels, groups, labelling.folds, params)[:, train]

    def under_permuted_labels() -> object:
        fit = params.logistic.fits(seen, params.seed)
        return [fit(labels, C).predict(unseen) for labels in permuted]

    def fit_by_fit() -> object:
        of = [LogisticRegression(C=C, max_iter=params.logistic.max_iter).fit(seen, y) for y in permuted]
        return [each.predict(unseen) for each in of]

    yield from compared(f"{len(permuted)} runs with permuted labels", under_permuted_labels,
                        {"LogisticRegression, each": fit_by_fit}, runs=1, warm_up=0)  # fmt: skip
    coded = blocks(groups, params)

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

    yield from compared(f"{len(coded)} codes of all labels", lambda: code_lengths([features], labels, coded, params),
                        {"LogisticRegression, each": code_by_code}, runs=1, warm_up=0)  # fmt: skip
    os.environ["TRAJPROBE_WORKERS"] = str(PROCESSES)
    for classifier in CLASSIFIERS:
        of = msgspec.structs.replace(params, classifier=classifier)
        variant = VariantFeatures([[x]], True)
        yield from compared(
            f"a row's whole probe, {classifier}",
            lambda of=of, variant=variant: probe_networks([variant], labelling, of, of.classifier),  # type: ignore[misc]
            runs=1,
            warm_up=0,
        )
