"""The classifiers that a probe can be. Each is one class here, and a section of `probe` in params.yaml.

The section has the class's name in lower case and its fields: `class Knn` is `probe.knn`. `probe.classifier` names the
one that is used. Nothing else has to know of a new class.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.params import Parameters
from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.clips_of_tracks import averaged
from trajprobe.probes.regression import Decomposition, Regression

#: Penalties beyond these are none, or leave nothing: features are standardised. Their quotients stay finite.
Positive = Annotated[float, Meta(ge=1e-9, le=1e9)]
#: Components, steps and the like: more are never reached, and must be a C int.
Count = Annotated[int, Meta(ge=1, le=10**9)]
#: Repeats, of which each is a fit: a million fits take hours at least.
Repeats = Annotated[int, Meta(ge=1, le=10**6)]
Grid = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=1000)]


class Fitted(Protocol):
    """A fitted classifier, scikit-learn's or our own."""

    @property
    def classes_(self) -> Integers:
        """(k), in the order of scores."""

    def predict(self, x: Matrix, /) -> Integers:
        """The class (m) of each of x (m d)."""


class Classifier(Parameters, frozen=True):
    """What selection and fitting ask of a classifier. One of its fields is a grid, from which a value is chosen."""

    field: ClassVar[str]  #: the one that is the grid
    simplest: ClassVar[Literal["smallest", "largest"]]  #: which value of the grid regularises most
    last: ClassVar[float | None] = None  #: a value beyond which no grid can go, which is therefore no edge

    @classmethod
    def section(cls) -> str:
        """Its name in `probe`."""
        return cls.__name__.lower()

    @property
    def key(self) -> str:
        """The grid's key in `probe`."""
        return f"{self.section()}.{self.field}"

    @property
    def grid(self) -> tuple[float, ...]:
        """The values to choose from, the simplest (most regularised) first."""
        return tuple(sorted(set(getattr(self, self.field)), reverse=self.simplest == "largest"))

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> Fitted:
        """The classifier, fitted to standardised features x (n d) and labels (n) at `value` of the grid."""
        raise NotImplementedError  # of each class; msgspec's metaclass leaves no room for ABC, which would say so

    def fits(self, x: Matrix, seed: int) -> Callable[[Integers, float], Fitted]:
        """A function of labels and value, as `fit`; what depends on x alone may be computed once."""
        return partial(self.fit, x, seed=seed)

    def fit_grid(self, x: Matrix, labels: Integers, seed: int) -> list[Fitted]:
        """As `fit`, at each value of the grid."""
        return [self.fit(x, labels, value, seed) for value in self.grid]

    def scores(self, fitted: Any, x: Matrix) -> NDArray[np.float64]:
        """Of each class that it was fitted to, for each of x (m d): (m k). The class with the highest is predicted."""
        probabilities: NDArray[np.float64] = fitted.predict_proba(x)
        return probabilities

    def predictions(self, fitted: Fitted, x: Matrix, cameras: int) -> Integers:
        """The class (m) of each track, by the mean of the scores of its v clips x (m*v d)."""
        if cameras == 1:
            return fitted.predict(x)
        return fitted.classes_[averaged(self.scores(fitted, x), cameras).argmax(axis=1)]

    def converged(self, fitted: Fitted) -> bool:  # noqa: ARG002
        """Whether its solver ended by itself."""
        return True


class Logistic(Classifier, frozen=True):
    """Multinomial logistic regression with an L2 penalty."""

    c: Grid  #: inverse penalties
    max_iter: Repeats

    field: ClassVar[str] = "c"
    simplest: ClassVar[Literal["smallest", "largest"]] = "smallest"

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> Regression:
        return self.fits(x, seed)(labels, value)

    def fits(self, x: Matrix, seed: int) -> Callable[[Integers, float], Regression]:  # noqa: ARG002
        return partial(Decomposition(x).fit, max_iter=self.max_iter)

    def fit_grid(self, x: Matrix, labels: Integers, seed: int) -> list[Fitted]:  # noqa: ARG002
        decomposition, fitted = Decomposition(x), list[Regression]()
        for value in self.grid:
            fitted.append(decomposition.fit(labels, value, self.max_iter, fitted[-1] if fitted else None))
        return [*fitted]

    def converged(self, fitted: Fitted) -> bool:
        return isinstance(fitted, Regression) and fitted.converged


class Ridge(Classifier, frozen=True):
    """Least squares on the classes' indicators with an L2 penalty, in closed form: for large sweeps.

    One Cholesky factor a value: at 800 clips of 512 dimensions, a singular value decomposition for all values at once
    takes as long as eight of them.
    """

    alpha: Grid  #: penalties

    field: ClassVar[str] = "alpha"
    simplest: ClassVar[Literal["smallest", "largest"]] = "largest"

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> RidgeClassifier:  # noqa: ARG002
        return RidgeClassifier(alpha=value, solver="cholesky").fit(x, labels)

    def scores(self, fitted: RidgeClassifier, x: Matrix) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = fitted.decision_function(x)
        return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


class Knn(Classifier, frozen=True):
    """The most frequent class among the nearest neighbours; of equally frequent ones the first."""

    neighbours: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=1000)]

    field: ClassVar[str] = "neighbours"
    simplest: ClassVar[Literal["smallest", "largest"]] = "largest"
    last: ClassVar[float | None] = 1

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> KNeighborsClassifier:  # noqa: ARG002
        if value > len(x):
            raise UserError(f"probe.{self.key}: got {value}, expected at most the {len(x)} clips fitted to; lower it")
        return KNeighborsClassifier(int(value), algorithm="brute").fit(x, labels)


#: Of its weights: themselves, gradients, and Adam's two moments and its updates.
MLP_COPIES = 5


class Mlp(Classifier, frozen=True):
    """One hidden layer of rectified linear units, trained by Adam.

    For so many epochs and no fewer: stopping early would need clips held out by group, which scikit-learn can't do.
    """

    alpha: Grid  #: penalties
    units: Annotated[int, Meta(ge=1, le=2**20)]
    epochs: Repeats
    batch: Count
    learning_rate: Positive

    field: ClassVar[str] = "alpha"
    simplest: ClassVar[Literal["smallest", "largest"]] = "largest"

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> MLPClassifier:
        size = MLP_COPIES * 8 * self.units * (x.shape[1] + len(np.unique(labels)))
        memory.require(size, "params.yaml: `probe.mlp`", "lower `units`")
        classifier = MLPClassifier(
            (self.units,),
            alpha=value,
            batch_size=self.batch,
            learning_rate_init=self.learning_rate,
            max_iter=self.epochs,
            n_iter_no_change=self.epochs,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it ends after its epochs by intention
            return classifier.fit(x, labels)
