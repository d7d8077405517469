"""Bootstrap of groups of clips: the values of metrics on clips as they might have been."""

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from tqdm import tqdm

from trajprobe.compare.metrics import Array, Integers, Metric

#: Draws at once, and cells of their confusion matrices at once: both bound the memory, by some 32 MB for the cells.
CHUNK, CELLS = 500, 2**22


def bootstrap(
    labels: Integers,
    predictions: Integers,
    groups: Integers,
    metrics: Mapping[str, Metric],
    draws: int,
    seed: int,
) -> dict[str, Array]:
    """Values (v draws) of each metric of `predictions` (v n) of `labels` (n), by its name.

    Whole groups (n) are drawn with replacement, since their clips are not independent (Davison and Hinkley 1997,
    Bootstrap Methods, section 3.8; Miller 2024, arXiv 2411.00640). All v are drawn alike, so that a difference of two
    is paired. A draw is g multinomial counts, one a group; the confusion matrix of the drawn clips is the groups' own,
    weighted by these: a product of a sparse matrix of n entries, exact since all are whole numbers.
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    count, classes = int(of_group.max()) + 1, int(max(labels.max(), predictions.max())) + 1
    cells = [
        sparse.csr_array((np.ones(len(labels)), (labels * classes + predicted, of_group)), shape=(classes**2, count))
        for predicted in predictions
    ]
    generator, even = np.random.default_rng(seed), np.full(count, 1 / count)
    values = {name: np.empty((len(predictions), draws)) for name in metrics}
    chunk = min(CHUNK, max(1, CELLS // classes**2))
    for start in tqdm(range(0, draws, chunk), desc="bootstrap", unit="chunk", delay=1):
        stop = min(start + chunk, draws)
        counts = generator.multinomial(count, even, size=stop - start)
        weights = np.ascontiguousarray(counts.T, dtype=np.float64)
        for row, matrix in enumerate(cells):
            confusions = np.moveaxis((matrix @ weights).reshape(classes, classes, -1), -1, 0)
            for name, metric in metrics.items():
                values[name][row, start:stop] = metric.of_confusion(confusions)
    return values
