"""A small Gaussian process: what a setting not yet tried would be worth, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from jaxtyping import Float

Inputs = Float[np.ndarray[Any, Any], "points features"]
Vector = Float[np.ndarray[Any, Any], " points"]
Lengths = Float[np.ndarray[Any, Any], " features"]

NOISE = 0.25  # variance of the seed, where the scores have variance 1
STEPS = 24  # tries for better lengths, as many as screening needs
LENGTH = 0.4  # the prior's middle, times the root of the number of features
PRIOR_DEVIATION = 1.0  # of a length's logarithm


def matern(
    left: Float[np.ndarray[Any, Any], "m features"],
    right: Float[np.ndarray[Any, Any], "n features"],
    lengths: Lengths,
) -> Float[np.ndarray[Any, Any], "m n"]:
    """Matern 5/2 covariance with a length for each feature.

    Reference: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning",
    equation 4.17.
    """
    a, b = left / lengths, right / lengths
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    r = np.sqrt(5 * np.maximum(squares, 0))
    return np.asarray((1 + r + r * r / 3) * np.exp(-r))


@dataclass(frozen=True)
class Surrogate:
    """A Gaussian process with mean 0 and variance 1, fitted to scores."""

    inputs: Inputs
    scores: Vector
    lengths: Lengths
    root: Float[np.ndarray[Any, Any], "points points"]  # Cholesky factor of the covariance

    def predict(self, at: Inputs) -> tuple[Vector, Float[np.ndarray[Any, Any], "known points"]]:
        """The mean at new points, and what the covariance with them becomes behind the root.

        With V the second, the posterior covariance of two new points is k(a, b) - V_a . V_b.
        """
        V = np.linalg.solve(self.root, matern(self.inputs, at, self.lengths))
        return V.T @ np.linalg.solve(self.root, self.scores), V


def fit(inputs: Inputs, scores: Vector, rng: np.random.Generator, steps: int = STEPS) -> Surrogate:
    """Lengths by a short random search of their posterior, from the prior's middle.

    A few steps do: what screening needs is which features matter, not their exact lengths.
    """
    features = inputs.shape[1]
    middle = log(LENGTH * sqrt(max(1, features)))
    lengths = np.full(features, np.exp(middle))
    best, root = _posterior(inputs, scores, lengths, middle)
    for _ in range(steps):
        step = rng.normal(size=features) * (rng.random(features) < 0.5)
        tried = lengths * np.exp(0.7 * step)
        value, factor = _posterior(inputs, scores, tried, middle)
        if value > best:
            best, lengths, root = value, tried, factor
    return Surrogate(inputs, scores, lengths, root)


def _posterior(
    inputs: Inputs, scores: Vector, lengths: Lengths, middle: float
) -> tuple[float, Float[np.ndarray[Any, Any], "points points"]]:
    """Log of the lengths' posterior, up to a constant, and the covariance's Cholesky factor."""
    covariance = matern(inputs, inputs, lengths)
    covariance[np.diag_indices(len(inputs))] += NOISE
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, scores)
    likelihood = -0.5 * float(white @ white) - float(np.log(np.diag(root)).sum())
    prior = -0.5 * float(((np.log(lengths) - middle) ** 2).sum()) / PRIOR_DEVIATION**2
    return likelihood + prior, root
