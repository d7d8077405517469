"""Probes all networks of a row."""

import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from trajprobe.features.files import Kind, folders, read
from trajprobe.params import UserError
from trajprobe.probes.classifier import Fold, Probe, permuted_labels, probe_fold, tested_folds
from trajprobe.probes.files import NetworkProbe, RowProbe
from trajprobe.trajectories.labelling import LABELLING, Labelling
from trajprobe.workers import workers

#: Prediction for a clip that no fold tests.
NOT_TESTED = -1


def line(probed: RowProbe) -> str:
    """What was made."""
    networks = f"{len(probed.networks)} networks, " if len(probed.networks) > 1 else ""
    choices = ", ".join(f"{c:g}" for c in sorted({c for network in probed.networks for c in network.c}))
    return f"{probed.row} ({probed.kind}): {networks}{len(probed.networks[0].predictions)} clips; C chosen: {choices}"


def probe_row(kind: Kind, row: str, params: Probe) -> RowProbe:
    """Probes the features of a row, folds side by side in `TRAJPROBE_WORKERS` processes (by default one a core).

    Raises:
        UserError: they are missing, damaged, or of other tracks than the labels.
    """
    labelling = Labelling.load(LABELLING)
    found = folders(kind, row)
    if not found:
        raise UserError(f"data/features/{kind}/{row}: no features; `dvc repro` makes them, `dvc pull` fetches them")
    permuted = permuted_labels(labelling.labels, labelling.groups, params)
    recipes, tasks, shape = [], [], ()
    for number, folder in enumerate(found):
        features, recipe = read(folder)
        if recipe["tracks"] != labelling.tracks:
            raise UserError(f"{folder}: features of other tracks than {LABELLING}; run `dvc repro`")
        recipes.append(recipe)
        shape = features.shape[1:]
        flat = features.reshape(len(features), -1)
        # A row's permutations are dealt out among its networks.
        common = (flat, labelling.labels, labelling.groups, labelling.folds)
        tasks += [(*common, fold, permuted[number :: len(found)], params) for fold in tested_folds(labelling.folds)]
    parallel = Parallel(n_jobs=workers(cpu_count()), return_as="generator")
    done = parallel(delayed(probe_fold)(*task) for task in tasks)
    folds: list[Fold] = list(tqdm(done, total=len(tasks), desc=f"{row} ({kind})", unit="fold"))
    each = len(tasks) // len(found)
    networks = [_joined(folds[start : start + each], len(labelling.labels)) for start in range(0, len(folds), each)]
    return RowProbe(
        row=row,
        kind=kind,
        family=recipes[0]["family"],
        tracks=labelling.tracks,
        shape=list(shape),
        pca=_components(shape, labelling, params),
        frames=recipes[0]["clips"]["format"]["frames"],
        trained_frames=recipes[0]["weights"].get("trained_frames"),
        networks=networks,
    )


def _joined(folds: list[Fold], clips: int) -> NetworkProbe:
    predictions = np.full(clips, NOT_TESTED, dtype=np.int64)
    for fold in folds:
        predictions[fold.tested] = fold.predictions
    right = np.sum([fold.right_permuted for fold in folds], axis=0) / sum(len(fold.tested) for fold in folds)
    return NetworkProbe(
        predictions.tolist(), [fold.c for fold in folds], right.tolist(), sum(not fold.converged for fold in folds)
    )


def _components(shape: tuple[int, ...], labelling: Labelling, params: Probe) -> int:
    """How many features of `shape` are reduced to by the fold with the shortest train; 0 where they are not."""
    if (dimensions := int(np.prod(shape))) <= params.pca_above:
        return 0
    train = min(int((labelling.folds != fold).sum()) for fold in tested_folds(labelling.folds))
    return min(params.pca_components, dimensions, train)
