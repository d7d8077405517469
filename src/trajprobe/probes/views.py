"""What a classifier sees of a network's features: standardised, and reduced; the labels have no part in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.clips_of_tracks import clips_of
from trajprobe.probes.settings import Probe

#: Dimensions that are widened to float64 at a time.
BLOCK = 4096
#: Of the longest direction: what is shorter is rounding error.
SHORT = 1e-6


@dataclass(frozen=True)
class ProbedFeatures:
    """Those of one network for n tracks, each with v clips: by one camera, or by several."""

    x: Matrix  #: (n v e), the features or their rotation
    dimensions: int  #: d, of the features themselves
    #: (n v e), the features of the same clips at each level of clutter, rotated alike.
    at_levels: Sequence[Matrix] = ()

    @staticmethod
    def of(x: Matrix, params: Probe, at_levels: Sequence[Matrix] = ()) -> "ProbedFeatures":
        """Of x (n v d), or (n d). Where PCA reduces it and there are fewer clips than dimensions, it is rotated."""
        of_tracks = len(x), x.shape[1] if x.ndim == 3 else 1, -1
        x, *at_levels = map(clips_of, (x, *at_levels))
        dimensions = x.shape[1]
        if params.pca_above < dimensions > len(x):
            x, *at_levels = rotated(x, at_levels)
        return ProbedFeatures(x.reshape(of_tracks), dimensions, [level.reshape(of_tracks) for level in at_levels])

    @property
    def cameras(self) -> int:
        """v, clips of each track."""
        return self.x.shape[1]


def rotated(x: Matrix, others: Sequence[Matrix] = ()) -> list[Matrix]:
    """Turns x (n d), less its mean, into the n dimensions that its clips span, in its own precision: (n n + 1).

    Others (m d) are turned alike, each less the mean of x; what of them is outside these dimensions is lost, and a
    classifier of clips of x weighs it by 0.

    All distances and inner products stay as they are. So PCA of some of the clips gives the components that it would
    give in d dimensions, at about n / d of the cost. They are U S, with the Gram matrix U S^2 U'. A further column of
    zeros keeps it wider than long: scikit-learn's PCA works on the shorter side.
    """
    gram, crosses = np.zeros((len(x), len(x))), [np.zeros((len(other), len(x))) for other in others]
    for start in range(0, x.shape[1], BLOCK):
        block = x[:, start : start + BLOCK].astype(np.float64)
        mean = block.mean(axis=0)
        block -= mean
        gram += block @ block.T
        for other, cross in zip(others, crosses, strict=True):
            cross += (other[:, start : start + BLOCK] - mean) @ block.T
    squares, directions = np.linalg.eigh(gram)
    lengths = np.sqrt(np.maximum(squares, 0))
    # A direction without length, as that of the mean, is one in which the clips of x do not differ.
    shares = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > lengths.max() * SHORT)
    turned = [directions * lengths, *(cross @ directions * shares for cross in crosses)]
    return [np.hstack([each, np.zeros((len(each), 1))]).astype(x.dtype) for each in turned]


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
    """Views of the clips of the tracks `train` (n) and `test` (m), fitted on train: (n*v k) and (m*v k) of each.

    First the row's own; then, if `equal`, that at equal dimension, for a row which has one: the leading principal
    components of the row's own view, standardised again. A row that was reduced already has them there.
    """
    clips = len(train) * features.cameras
    steps = own_view(clips, features, params)
    own = steps.fit_transform(clips_of(features.x[train])), steps.transform(clips_of(features.x[test]))
    width = equal_width(clips, features.dimensions, params)
    if not equal or width is None:
        return [own]
    if features.dimensions > params.pca_above:
        return [own, (own[0][:, :width], own[1][:, :width])]
    further = make_pipeline(PCA(width, random_state=params.seed), StandardScaler())
    return [own, (further.fit_transform(own[0]), further.transform(own[1]))]


def at_levels(features: ProbedFeatures, train: Integers, test: Integers, params: Probe) -> list[Matrix]:
    """The row's own view (m*v k) of the tracks `test` at each level of clutter, fitted on plain clips of `train`."""
    if not features.at_levels:
        return []
    steps = own_view(len(train) * features.cameras, features, params).fit(clips_of(features.x[train]))
    return [steps.transform(clips_of(x[test])) for x in features.at_levels]
