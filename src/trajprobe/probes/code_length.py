"""Online code length of the labels given the features (Voita and Titov 2020, arXiv 2003.12298).

How few bits tell the labels to someone who has the features and the same probe: the first clips at log2 K bits, each
further block by a probe fitted on all before it. A row is told by fewer bits when its labels can be read off easily,
which an accuracy on all clips may not show. Both sides have all features, so that standardisation and PCA, which see no
label, are fitted on all of them; the labels of a block are known to no probe that codes it.

Which C of the grid the probes have is told first, in log2 of its length: one C for all rows would code a wide row of
little signal worse than no features at all (1,000 clips of noise of 160 dimensions, at C = 1: in 1.8 times the bits).
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from trajprobe.probes.classifiers import Integers, Matrix
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import own_view

#: Where blocks end, as shares of the clips: Voita and Titov's.
ENDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1)


def blocks(groups: Integers, params: Probe) -> list[list[Integers]]:
    """The clips of each block of each draw: whole groups, in random order; a block takes in the group that ends it."""
    generator = np.random.default_rng(params.seed)
    names, of_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    drawn = []
    for _ in range(params.code_length.draws):
        order = generator.permutation(len(names))
        clips = np.argsort(np.argsort(order)[of_group], kind="stable")
        ends = np.cumsum(sizes[order])
        cuts = np.unique(ends[np.searchsorted(ends, np.array(ENDS) * len(groups) - 1e-9)])
        drawn.append(np.split(clips, cuts[:-1]))
    return drawn


def code_lengths(x: Matrix, labels: Integers, drawn: Sequence[Sequence[Integers]], params: Probe) -> list[float]:
    """Bits that tell `labels` (n) given x (n d), for each draw of blocks."""
    # Told of the row by its own probe, whose C may be larger.
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # so many, in the first blocks
    seen = own_view(x.shape, params).fit_transform(x)
    classes = np.unique(labels, return_inverse=True)[1]
    values = params.code_length.c
    return [min(_bits(seen, classes, one, c, params) for c in values) + float(np.log2(len(values))) for one in drawn]


def uniform_bits(labels: Integers) -> float:
    """Bits that tell `labels` (n) without features, all classes equally likely."""
    return float(len(labels) * np.log2(len(np.unique(labels))))


def _bits(x: Matrix, labels: Integers, parts: Sequence[Integers], c: float, params: Probe) -> float:
    count = int(labels.max()) + 1
    bits = len(parts[0]) * np.log2(count)
    for number in range(1, len(parts)):
        before, block = np.concatenate(parts[:number]), parts[number]
        chances = np.zeros((len(block), count))
        known = np.unique(labels[before])
        if len(known) == 1:
            chances[:, known] = 1
        else:
            fitted = LogisticRegression(C=c, max_iter=params.logistic.max_iter).fit(x[before], labels[before])
            chances[:, known] = fitted.predict_proba(x[block])
        # A class may not have been seen yet: Laplace's rule, with the probe's chances in place of the counts.
        told = (len(before) * chances[np.arange(len(block)), labels[block]] + 1) / (len(before) + count)
        bits -= np.log2(told).sum()
    return float(bits)
