"""What a classifier is given of a row's features: standardised, and reduced; the labels have no part in it."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trajprobe.probes.classifiers import Matrix
from trajprobe.probes.settings import Probe


def widths(shape: tuple[int, ...], params: Probe) -> list[int]:
    """Dimensions of each view of a row that is fitted on features of `shape` (n d): one, or two.

    The row's own come first, then, for a row that has more of them, those of the run at equal dimension. So many
    clips, less one, are all the dimensions that PCA can find: the next one would be rounding error.
    """
    clips, dimensions = shape
    reduced = dimensions > params.pca_above
    most = min(params.pca_components, dimensions) if reduced else dimensions
    own = min(most, clips - 1) if reduced else most
    return [own, min(params.equal_dimensions, clips - 1)] if most > params.equal_dimensions else [own]


def own_view(shape: tuple[int, ...], params: Probe) -> Pipeline:
    """Standardises features of `shape` (n d), in float64; rows wider than `pca_above` go through PCA first."""
    widen = FunctionTransformer(np.asarray, kw_args={"dtype": np.float64})
    if shape[1] <= params.pca_above:
        return make_pipeline(widen, StandardScaler())
    # Widened after PCA: a row that is so wide would be as large again.
    return make_pipeline(PCA(widths(shape, params)[0], random_state=params.seed), widen, StandardScaler())


def views(train: Matrix, test: Matrix, params: Probe) -> list[tuple[Matrix, Matrix]]:
    """The views of train (n d) and test (m d), all fitted on train: (n k) and (m k) of each, in the order of `widths`.

    At equal dimension they are the leading principal components of the row's own view, standardised again. A row that
    was reduced already has them there.
    """
    steps = own_view(train.shape, params)
    own = steps.fit_transform(train), steps.transform(test)
    _, *equal = widths(train.shape, params)
    if not equal:
        return [own]
    if train.shape[1] > params.pca_above:
        return [own, (own[0][:, : equal[0]], own[1][:, : equal[0]])]
    further = make_pipeline(PCA(equal[0], random_state=params.seed), StandardScaler())
    return [own, (further.fit_transform(own[0]), further.transform(own[1]))]
