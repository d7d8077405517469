"""What a classifier sees of a network's features: standardised, and reduced; the labels have no part in it."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.settings import Probe

#: Dimensions that are widened to float64 at a time.
BLOCK = 4096


@dataclass(frozen=True)
class ProbedFeatures:
    """Those of one network for n clips."""

    x: Matrix  #: (n e), the features or their rotation
    dimensions: int  #: d, of the features themselves

    @staticmethod
    def of(x: Matrix, params: Probe) -> "ProbedFeatures":
        """Of x (n d). Where PCA reduces it and there are fewer clips than dimensions, it is rotated."""
        dimensions = x.shape[1]
        return ProbedFeatures(rotated(x) if params.pca_above < dimensions > len(x) else x, dimensions)


def rotated(x: Matrix) -> Matrix:
    """Turns x (n d), less its mean, into the n dimensions that its clips span, in its own precision: (n n + 1).

    All distances and inner products stay as they are. So PCA of some of the clips gives the components that it would
    give in d dimensions, at about n / d of the cost. They are U S, with the Gram matrix U S^2 U'. A further column of
    zeros keeps it wider than long: scikit-learn's PCA works on the shorter side.
    """
    gram = np.zeros((len(x), len(x)))
    for start in range(0, x.shape[1], BLOCK):
        block = x[:, start : start + BLOCK].astype(np.float64)
        block -= block.mean(axis=0)
        gram += block @ block.T
    squares, directions = np.linalg.eigh(gram)
    turned = directions * np.sqrt(np.maximum(squares, 0))
    return np.hstack([turned, np.zeros((len(x), 1))]).astype(x.dtype)


def own_width(clips: int, dimensions: int, params: Probe) -> int:
    """Dimensions of a row's own view that is fitted on so many clips, of features of so many dimensions.

    So many clips, less one, are all the dimensions that PCA can find: the next one would be rounding error.
    """
    return min(params.pca_components, dimensions, clips - 1) if dimensions > params.pca_above else dimensions


def equal_width(clips: int, dimensions: int, params: Probe) -> int | None:
    """Dimensions of the view at equal dimension, likewise; None where the row's own has no more of them anyway."""
    own = min(params.pca_components, dimensions) if dimensions > params.pca_above else dimensions
    return min(params.equal_dimensions, clips - 1) if own > params.equal_dimensions else None


def own_view(clips: int, features: ProbedFeatures, params: Probe) -> Pipeline:
    """Standardises features of so many clips, in float64; a row wider than `pca_above` goes through PCA first."""
    widen = FunctionTransformer(np.asarray, kw_args={"dtype": np.float64})
    if features.dimensions <= params.pca_above:
        return make_pipeline(widen, StandardScaler())
    # Widened after PCA: a row that is so wide would be as large again.
    components = own_width(clips, features.dimensions, params)
    return make_pipeline(PCA(components, random_state=params.seed), widen, StandardScaler())


def views(
    features: ProbedFeatures, train: Integers, test: Integers, equal: bool, params: Probe
) -> list[tuple[Matrix, Matrix]]:
    """Views of the clips `train` (n) and `test` (m), fitted on train: (n k) and (m k) of each.

    First the row's own; then, if `equal`, that at equal dimension, for a row which has one: the leading principal
    components of the row's own view, standardised again. A row that was reduced already has them there.
    """
    steps = own_view(len(train), features, params)
    own = steps.fit_transform(features.x[train]), steps.transform(features.x[test])
    width = equal_width(len(train), features.dimensions, params)
    if not equal or width is None:
        return [own]
    if features.dimensions > params.pca_above:
        return [own, (own[0][:, :width], own[1][:, :width])]
    further = make_pipeline(PCA(width, random_state=params.seed), StandardScaler())
    return [own, (further.fit_transform(own[0]), further.transform(own[1]))]
