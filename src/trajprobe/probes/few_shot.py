"""Few-shot curves: accuracy of logistic regression on 1, 2, 4, ... labelled clips a class.

Two rows that are close when all clips are labelled may be far apart with few labels. Only labels are few: what comes
before the classifier sees no label and is fitted on all clips of train, as everywhere in the probe. C is fixed: one
clip a class leaves nothing to choose it by.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trajprobe.files.labelling import Labelling
from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.clips_of_tracks import clips_of, labels_of_clips
from trajprobe.probes.regression import Decomposition
from trajprobe.probes.settings import Probe


def shots(labelling: Labelling, folds: Sequence[int]) -> list[int]:
    """1, 2, 4, ...: as many clips a class as each class in train has, whichever of `folds` is tested."""
    counts = [np.unique(labelling.labels[labelling.folds != fold], return_counts=True)[1].min() for fold in folds]
    return [2**power for power in range(int(min(counts)).bit_length())]


def samples(labelling: Labelling, folds: Sequence[int], params: Probe) -> list[Integers]:
    """The labelled clips (classes most) of each draw; with k clips a class, its first k columns.

    Draw j is tested on fold j mod F of the F in `folds`, and takes its clips from all others. It depends on nothing of
    the features: all rows and networks have the same. A class's clips are of distinct groups as long as it has
    further groups.
    """
    generator = np.random.default_rng(params.seed)
    most = shots(labelling, folds)[-1]
    return [
        _sample(labelling, labelling.folds != folds[draw % len(folds)], most, generator)
        for draw in range(params.few_shot.draws)
    ]


def _sample(labelling: Labelling, train: NDArray[np.bool_], most: int, generator: np.random.Generator) -> Integers:
    rows = []
    for label in np.unique(labelling.labels[train]):
        clips = generator.permutation(np.flatnonzero(train & (labelling.labels == label)))
        times: Counter[int] = Counter()
        turn = []  # each clip's place among those of its group
        for group in labelling.groups[clips].tolist():
            turn.append(times[group])
            times[group] += 1
        rows.append(clips[np.argsort(turn, kind="stable")][:most])
    return np.stack(rows)


def correct(
    seen: Matrix, labels: Integers, unseen: Matrix, answers: Integers, counts: Sequence[int], params: Probe
) -> NDArray[np.bool_]:
    """Which of the m tracks are predicted correctly from each of `counts` tracks a class: (shots m).

    Args:
        seen: (classes most v d), of the clips of the labelled tracks.
        labels: (classes most).
        unseen: (m*v d), of the clips of the tested tracks.
        answers: (m), their labels.
        counts: tracks a class.
        params: the probe's.
    """
    correct, cameras = [], seen.shape[2]
    for k in counts:
        decomposition = Decomposition(clips_of(seen[:, :k]))
        of_clips = labels_of_clips(labels[:, :k].ravel(), cameras)
        regression = decomposition.fit(of_clips, params.few_shot.c, params.logistic.max_iter)
        correct.append(params.logistic.predictions(regression, unseen, cameras) == answers)
    return np.array(correct)


def areas_under_curve(accuracies: NDArray[np.float64], counts: Sequence[int]) -> NDArray[np.float64]:
    """Areas [...] under curves [shots ...] over log2 of the clips a class, by trapezoids: mean accuracies, 0 to 1."""
    if len(counts) == 1:
        return np.asarray(accuracies[0])
    places = np.log2(counts)
    return np.asarray(np.trapezoid(accuracies, places, axis=0) / (places[-1] - places[0]))
