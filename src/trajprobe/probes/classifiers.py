"""The classifiers that a probe can be: each a section of `probe` in params.yaml, with the grid it is chosen from.

A further one is a class here, and its name in `Probe`.
"""

import warnings
from typing import Annotated, ClassVar, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from trajprobe.errors import UserError
from trajprobe.params import Parameters

Matrix = NDArray[np.floating]
Integers = NDArray[np.int64]
Positive = Annotated[float, Meta(gt=0.0, le=1e9)]
Count = Annotated[int, Meta(ge=1)]
Grid = Annotated[tuple[Positive, ...], Meta(min_length=1)]


class Classifier(Protocol):
    """What selection and fitting need to know of a classifier."""

    key: ClassVar[str]  #: of its grid, in `probe`
    last: ClassVar[float | None]  #: a value beyond which no grid can go, which is therefore no edge

    @property
    def grid(self) -> tuple[float, ...]:
        """The values to choose from, the simplest (most regularised) first."""

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> ClassifierMixin:
        """scikit-learn's, fitted to standardised features x (n d) and labels (n)."""

    def converged(self, fitted: ClassifierMixin) -> bool:
        """Whether its solver ended by itself."""


class Logistic(Parameters, frozen=True):
    """Multinomial logistic regression with an L2 penalty."""

    c: Grid  #: inverse penalties
    max_iter: Count

    key: ClassVar[str] = "logistic.c"
    last: ClassVar[float | None] = None

    @property
    def grid(self) -> tuple[float, ...]:
        return tuple(sorted(set(self.c)))

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> LogisticRegression:  # noqa: ARG002
        return LogisticRegression(C=value, max_iter=self.max_iter).fit(x, labels)

    def converged(self, fitted: LogisticRegression) -> bool:
        return bool(max(fitted.n_iter_) < self.max_iter)


class Ridge(Parameters, frozen=True):
    """Least squares on the classes' indicators with an L2 penalty, in closed form: for large sweeps.

    One Cholesky factor a value: at 800 clips of 512 dimensions, a singular value decomposition for all values at once
    takes as long as eight of them.
    """

    alpha: Grid  #: penalties

    key: ClassVar[str] = "ridge.alpha"
    last: ClassVar[float | None] = None

    @property
    def grid(self) -> tuple[float, ...]:
        return tuple(sorted(set(self.alpha), reverse=True))

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> RidgeClassifier:  # noqa: ARG002
        return RidgeClassifier(alpha=value, solver="cholesky").fit(x, labels)

    def converged(self, fitted: RidgeClassifier) -> bool:  # noqa: ARG002
        return True


class Knn(Parameters, frozen=True):
    """The most frequent class among the nearest neighbours; of equally frequent ones the first."""

    neighbours: Annotated[tuple[Count, ...], Meta(min_length=1)]

    key: ClassVar[str] = "knn.neighbours"
    last: ClassVar[float | None] = 1

    @property
    def grid(self) -> tuple[float, ...]:
        return tuple(sorted(set(self.neighbours), reverse=True))

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> KNeighborsClassifier:  # noqa: ARG002
        if value > len(x):
            raise UserError(f"probe.{self.key}: got {value}, expected at most the {len(x)} clips fitted to; lower it")
        return KNeighborsClassifier(int(value), algorithm="brute").fit(x, labels)

    def converged(self, fitted: KNeighborsClassifier) -> bool:  # noqa: ARG002
        return True


class Mlp(Parameters, frozen=True):
    """One hidden layer of rectified linear units, trained by Adam.

    For so many epochs and no less: stopping early would want clips held out by group, which scikit-learn's does not do.
    """

    alpha: Grid  #: penalties
    units: Count
    epochs: Count
    batch: Count
    learning_rate: Positive

    key: ClassVar[str] = "mlp.alpha"
    last: ClassVar[float | None] = None

    @property
    def grid(self) -> tuple[float, ...]:
        return tuple(sorted(set(self.alpha), reverse=True))

    def fit(self, x: Matrix, labels: Integers, value: float, seed: int) -> MLPClassifier:
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
            warnings.simplefilter("ignore", ConvergenceWarning)  # that it ends after its epochs is as told
            return classifier.fit(x, labels)

    def converged(self, fitted: MLPClassifier) -> bool:  # noqa: ARG002
        return True
