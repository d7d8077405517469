"""Logistic regressions on the same clips under many penalties and labels, which share one decomposition.

Multinomial logistic regression of labels y on features x (n d) minimises over weights W (d k) and offsets b (k)

    c sum_i [log sum_j exp(z_ij) - z_i,y(i)] + |W|^2 / 2,    z = (x - mean) W + b.

At W = 0 its Hessian in W is c / k (I - 11'/k) (x) S^2 + I in the basis V of x - mean = U S V'. So the change of
variables W = V (c / k S^2 + 1)^(-1/2) A makes the problem well conditioned there, for every c and all labels, and
L-BFGS needs tens of steps where it would need hundreds (preconditioning: Nocedal and Wright 2006, Numerical
Optimization, 5.1; one decomposition for every penalty: fewshot_lsr.py of big_vision). Where there are fewer clips
than dimensions, V is a basis of the space that the clips span: no other direction gets any weight.

The solution is scikit-learn's, and closer to the optimum: LogisticRegression stops at derivatives a hundred times as
large.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from trajprobe.probes.arrays import Integers, Matrix

#: L-BFGS stops where no derivative of the mean loss by V'W or b is larger. By A they are smaller, and much smaller for
#: a large c: there they would stop it long before the optimum.
TOLERANCE = 1e-4
#: Share of the largest eigenvalue below which a direction is rounding error.
RANK = 1e-12


class Regression(NamedTuple):
    """Fitted weights."""

    classes_: Integers  #: (k)
    weights: NDArray[np.float64]  #: (d k)
    offsets: NDArray[np.float64]  #: (k)
    converged: bool  #: within the steps that it was given

    def predict(self, x: Matrix) -> Integers:
        """The class (m) of each of x (m d)."""
        return self.classes_[(x @ self.weights + self.offsets).argmax(axis=1)]

    def predict_proba(self, x: Matrix) -> NDArray[np.float64]:
        """(m k), of each class for each of x (m d)."""
        return softmax(x @ self.weights + self.offsets, axis=1)


class Decomposition:
    """Features x (n d), float64, decomposed once for all regressions on them."""

    def __init__(self, x: Matrix) -> None:
        self.mean = x.mean(axis=0)
        centred = x - self.mean
        if len(x) < x.shape[1]:
            squares, basis = np.linalg.eigh(centred @ centred.T)
            spanned = squares > RANK * squares[-1]
            squares, basis = squares[spanned], basis[:, spanned]
            basis = centred.T @ (basis / np.sqrt(squares))
        else:
            squares, basis = np.linalg.eigh(centred.T @ centred)
        self.squares = np.maximum(squares, 0)  #: (r), S^2
        self.basis = basis  #: (d r), V
        self.rotated = centred @ basis  #: (n r), U S

    def fit(self, labels: Integers, c: float, max_iter: int, start: Regression | None = None) -> Regression:
        """The regression of labels (n), of two classes or more, with the inverse penalty `c`, as scikit-learn has it.

        L-BFGS begins at `start`, a regression of the same labels with another penalty, which saves a quarter of the
        steps. It ends after `max_iter` steps where it has not converged.
        """
        classes, codes = np.unique(labels, return_inverse=True)
        n, k = len(labels), len(classes)
        if k == 2:
            c /= 2  # scikit-learn's two classes share one w = W_1 - W_0, which costs half of W's penalty here
        indicators = np.zeros((n, k))
        indicators[np.arange(n), codes] = 1
        scale = 1 / np.sqrt(c / k * self.squares + 1)
        # The offsets' share of the same Hessian is c n / k, and nothing of the penalty.
        scales = np.append(scale, np.sqrt(k / (c * n)))[:, None]
        design = np.hstack([self.rotated, np.ones((n, 1))]) * scales.T
        penalty = np.append(scale**2, 0)[:, None]
        gradient = np.empty((len(scales), k))

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            a = flat.reshape(-1, k)
            z = design @ a
            z -= z.max(axis=1, keepdims=True)
            odds = np.exp(z)
            total = odds.sum(axis=1, keepdims=True)
            shrunk = penalty * a
            value = c * (np.log(total).sum() - np.vdot(z, indicators)) + np.vdot(shrunk, a) / 2
            odds /= total
            odds -= indicators
            gradient[:] = c * (design.T @ odds) + shrunk
            return value, gradient.ravel().copy()

        def stop(_: NDArray[np.float64]) -> None:
            if np.abs(gradient / scales).max() <= TOLERANCE * c * n:
                raise StopIteration

        options = {"maxiter": max_iter, "maxfun": 100 * max_iter, "gtol": 0, "ftol": 0}
        first = np.zeros(gradient.shape)
        if start:
            offsets = start.offsets + self.mean @ start.weights
            first = np.vstack([self.basis.T @ start.weights, offsets]) / scales
        optimum = minimize(loss, first.ravel(), method="L-BFGS-B", jac=True, callback=stop, options=options)
        solution = scales * optimum.x.reshape(-1, k)
        weights = self.basis @ solution[:-1]
        return Regression(classes, weights, solution[-1] - self.mean @ weights, optimum.nit < max_iter)
