"""Online code length of the labels given the features (Voita and Titov 2020, arXiv 2003.12298).

How few bits send the labels to a receiver who has the features and the same probe: the first clips at log2 k bits,
each further block by a probe fitted on all before it. Labels that can be read off the features easily take fewer bits,
which an accuracy on all clips may not show. Both sides have all features, so that standardisation and PCA, which see no
label, are fitted on all of them; no probe knows the labels of the block that it codes.

Which C of the grid the probes have, and which view, is sent first, in log2 of how many there are: one C for all rows
would code a wide row of little signal worse than no features at all (1,000 clips of noise of 160 dimensions, at C = 1:
in 1.8 times the bits).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.clips_of_tracks import averaged, clips_of, labels_of_clips
from trajprobe.probes.regression import Decomposition
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures, own_view

#: Where blocks end, as shares of the clips: Voita and Titov's.
ENDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1)


def blocks(groups: Integers, params: Probe) -> list[list[Integers]]:
    """The clips of each block of each draw: whole groups, in random order; a block takes in the group that ends it."""
    generator = np.random.default_rng(params.seed)
    names, of_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    draws = []
    for _ in range(params.code_length.draws):
        order = generator.permutation(len(names))
        clips = np.argsort(np.argsort(order)[of_group], kind="stable")
        ends = np.cumsum(sizes[order])
        cuts = np.unique(ends[np.searchsorted(ends, np.array(ENDS) * len(groups) - 1e-9)])
        draws.append(np.split(clips, cuts[:-1]))
    return draws


def code_lengths(
    features: Sequence[ProbedFeatures], labels: Integers, draws: Sequence[Sequence[Integers]], params: Probe
) -> list[float]:
    """Bits that send each of `labels` (n) given one of a network's views: the mean over the draws of blocks.

    Each clip bears its share of the bits that name the view and the C.
    """
    if not draws:
        return []
    seen = [own_view(len(labels) * view.cameras, view, params).fit_transform(clips_of(view.x)) for view in features]
    xs = [x.reshape(len(labels), view.cameras, -1) for x, view in zip(seen, features, strict=True)]
    classes = np.unique(labels, return_inverse=True)[1]
    choice = float(np.log2(len(xs) * len(params.code_length.c)))
    bits = [np.concatenate([_bits(x, classes, parts, params) for x in xs]) for parts in draws]  # (views values, n)
    best = [of_draw[of_draw.sum(axis=1).argmin()] for of_draw in bits]
    return (np.mean(best, axis=0) + choice / len(labels)).tolist()


def uniform_bits(labels: Integers) -> float:
    """Bits that send `labels` (n) without features, all classes equally likely."""
    return float(len(labels) * np.log2(len(np.unique(labels))))


def _bits(x: Matrix, labels: Integers, parts: Sequence[Integers], params: Probe) -> NDArray[np.float64]:
    """Bits that send each of `labels` (n) given x (n v d) in the blocks `parts`, for each C: (values n)."""
    count, values = int(labels.max()) + 1, params.code_length.c
    bits = np.full((len(values), len(labels)), np.log2(count))
    for number in range(1, len(parts)):
        before, block = np.concatenate(parts[:number]), parts[number]
        chances = np.zeros((len(values), len(block), count))
        seen = np.unique(labels[before])
        if len(seen) == 1:
            chances[:, :, seen] = 1
        else:
            decomposition, cameras = Decomposition(clips_of(x[before])), x.shape[1]
            for index, c in enumerate(values):
                of_clips = labels_of_clips(labels[before], cameras)
                regression = decomposition.fit(of_clips, c, params.logistic.max_iter)
                chances[index][:, seen] = averaged(regression.predict_proba(clips_of(x[block])), cameras)
        # A class may not have been seen yet: Laplace's rule, with the probe's chances in place of the counts.
        of_label = chances[:, np.arange(len(block)), labels[block]]
        bits[:, block] = -np.log2((len(before) * of_label + 1) / (len(before) + count))
    return bits
