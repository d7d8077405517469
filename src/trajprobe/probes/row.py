"""Probes all networks of a row."""

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from trajprobe.errors import UserError
from trajprobe.files.feature_shards import Kind, folders, read
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe
from trajprobe.probes import few_shot
from trajprobe.probes.classifiers import Matrix
from trajprobe.probes.code_length import blocks, code_lengths, uniform_bits
from trajprobe.probes.fold import Fold, probe_fold, tested_folds
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import widths
from trajprobe.stage import workers

#: Prediction for a clip that no fold tests.
NOT_TESTED = -1


def line(probed: RowProbe) -> str:
    """What was made."""
    networks = f"{len(probed.networks)} networks, " if len(probed.networks) > 1 else ""
    values = sorted({value for network in probed.networks for value in network.chosen})
    choices = ", ".join(f"{value:g}" for value in values)
    clips = len(probed.networks[0].predictions)
    return f"{probed.row} ({probed.kind}): {networks}{clips} clips; {probed.classifier}, chosen: {choices}"


def probe_row(kind: Kind, row: str, params: Probe) -> RowProbe:
    """Probes the features of a row, folds side by side in `TRAJPROBE_WORKERS` processes (by default one a core).

    Raises:
        UserError: they are missing, damaged, or of other tracks than the labels.
    """
    labelling = Labelling.load(LABELLING)
    found = folders(kind, row)
    if not found:
        raise UserError(f"data/features/{kind}/{row}: no features; `dvc repro` makes them, `dvc pull` fetches them")
    features, recipes, shape = [], [], ()
    for folder in found:
        values, recipe = read(folder)
        if recipe["tracks"] != labelling.tracks:
            raise UserError(f"{folder}: features of other tracks than {LABELLING}; run `dvc repro`")
        recipes.append(recipe)
        shape = values.shape[1:]
        features.append(values.reshape(len(values), -1))
    # Of the fold with the shortest train.
    folds = tested_folds(labelling.folds)
    train = min(int((labelling.folds != fold).sum()) for fold in folds)
    dimensions = features[0].shape[1]
    own, *equal = widths((train, dimensions), params)
    return RowProbe(
        row=row,
        kind=kind,
        family=recipes[0]["family"],
        tracks=labelling.tracks,
        shape=list(shape),
        pca=own if dimensions > params.pca_above else 0,
        frames=recipes[0]["clips"]["format"]["frames"],
        trained_frames=recipes[0]["weights"].get("trained_frames"),
        classifier=params.classifier,
        equal_dimensions=equal[0] if equal else own,
        shots=few_shot.shots(labelling, folds),
        coded_clips=len(labelling.labels),
        uniform_bits=round(uniform_bits(labelling.labels), 2),
        networks=probe_networks(features, labelling, params, f"{row} ({kind})"),
    )


def probe_networks(features: Sequence[Matrix], labelling: Labelling, params: Probe, name: str) -> list[NetworkProbe]:
    """Probes each of `features` (n d); all at once, in one pool of processes and under one bar, which bears `name`."""
    folds = tested_folds(labelling.folds)
    permuted = permuted_labels(labelling.labels, labelling.groups, params)
    drawn, counts = few_shot.samples(labelling, folds, params), few_shot.shots(labelling, folds)
    coded = blocks(labelling.groups, params)
    tasks = []
    for number, x in enumerate(features):
        # A row's permutations are dealt out among its networks, a network's few-shot draws among its folds.
        own = permuted[number :: len(features)]
        tasks += [
            delayed(probe_fold)(x, labelling, fold, own, drawn[place :: len(folds)], counts, params)
            for place, fold in enumerate(folds)
        ]
        tasks.append(delayed(code_lengths)(x, labelling.labels, coded, params))
    done = Parallel(n_jobs=workers(cpu_count()), return_as="generator")(tasks)
    parts = list(tqdm(done, total=len(tasks), desc=name, unit="part"))
    each = len(folds)
    return [
        _joined(parts[start : start + each], parts[start + each], len(labelling.labels))
        for start in range(0, len(parts), each + 1)
    ]


def _joined(folds: list[Fold], code_bits: list[float], clips: int) -> NetworkProbe:
    predictions, equal = np.full((2, clips), NOT_TESTED, dtype=np.int64)
    for fold in folds:
        predictions[fold.tested] = fold.predictions
        equal[fold.tested] = fold.equal
    tested = sum(len(fold.tested) for fold in folds)
    expected = np.sum([fold.expected_permuted for fold in folds], axis=0) / tested
    draws = sum(len(fold.few_shot) for fold in folds)
    few = [folds[draw % len(folds)].few_shot[draw // len(folds)] for draw in range(draws)]
    return NetworkProbe(
        predictions=predictions.tolist(),
        chosen=[fold.chosen for fold in folds],
        permuted=(np.sum([fold.right_permuted for fold in folds], axis=0) / tested).tolist(),
        permuted_expected=[round(one, 6) for one in expected.tolist()],
        equal=equal.tolist(),
        few_shot=[[round(one, 4) for one in accuracies] for accuracies in few],
        code_bits=[round(bits, 2) for bits in code_bits],
        at_edge=sum(fold.at_edge for fold in folds),
        unconverged=sum(not fold.converged for fold in folds),
    )
