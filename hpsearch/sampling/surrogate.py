"""A small Gaussian process that predicts scores of settings from those that were trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from hpsearch.shapes import Bool, Float, Int
from hpsearch.space import Points, Space

Inputs = Float[np.ndarray[Any, Any], "points features"]
Vector = Float[np.ndarray[Any, Any], " points"]
Lengths = Float[np.ndarray[Any, Any], " features"]

NOISE = 0.25  # variance between seeds, where the scores have variance 1
NOISES = (NOISE, 0.04, 0.005)  # of several objectives: of some of them seeds change nothing
STEPS = 24  # of the search for lengths
LENGTH = 0.4  # median of the prior of a length, times the root of the number of features
PRIOR_DEVIATION = 1.0  # of the logarithm of a length


def matern(
    left: Float[np.ndarray[Any, Any], "m features"],
    right: Float[np.ndarray[Any, Any], "n features"],
    lengths: Lengths,
) -> Float[np.ndarray[Any, Any], "m n"]:
    """The Matern 5/2 covariance, with a length for each feature.

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
    noise: float = NOISE
    posterior: float = 0.0  # its logarithm, up to a constant

    def predict(self, at: Inputs) -> tuple[Vector, Float[np.ndarray[Any, Any], "inputs points"]]:
        """The mean at new points, (points,), and V, which gives their covariance.

        The posterior covariance of two new points a and b is k(a, b) - V[:, a] . V[:, b].
        """
        V = np.linalg.solve(self.root, matern(self.inputs, at, self.lengths))
        return V.T @ np.linalg.solve(self.root, self.scores), V


def fit(
    inputs: Inputs,
    scores: Vector,
    rng: np.random.Generator,
    steps: int = STEPS,
    noise: float = NOISE,
) -> Surrogate:
    """Fit the lengths by a short random search for the maximum of their posterior.

    A few steps are enough: it matters which lengths are short, not how short exactly.

    Args:
        inputs: (points, features), from `features`.
        scores: (points,), of about mean 0 and variance 1.
        rng: draws the steps.
        steps: how many.
        noise: variance between seeds.
    """
    features = inputs.shape[1]
    middle = log(LENGTH * sqrt(max(1, features)))
    lengths = np.full(features, np.exp(middle))
    best, root = _posterior(inputs, scores, lengths, middle, noise)
    for _ in range(steps):
        step = rng.normal(size=features) * (rng.random(features) < 0.5)
        tried = lengths * np.exp(0.7 * step)
        value, factor = _posterior(inputs, scores, tried, middle, noise)
        if value > best:
            best, lengths, root = value, tried, factor
    return Surrogate(inputs, scores, lengths, root, noise, best)


def likeliest(
    inputs: Inputs, scores: Vector, rng: np.random.Generator, steps: int = STEPS
) -> Surrogate:
    """The likeliest of fits with several noises."""
    fits = [fit(inputs, scores, rng, steps, noise) for noise in NOISES]
    return max(fits, key=lambda surrogate: surrogate.posterior)


def _posterior(
    inputs: Inputs, scores: Vector, lengths: Lengths, middle: float, noise: float = NOISE
) -> tuple[float, Float[np.ndarray[Any, Any], "points points"]]:
    """The log posterior of lengths, up to a constant, and the covariance's Cholesky factor."""
    covariance = matern(inputs, inputs, lengths)
    covariance[np.diag_indices(len(inputs))] += noise
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, scores)
    likelihood = -0.5 * float(white @ white) - float(np.log(np.diag(root)).sum())
    prior = -0.5 * float(((np.log(lengths) - middle) ** 2).sum()) / PRIOR_DEVIATION**2
    return likelihood + prior, root


def features(space: Space, points: Points) -> Inputs:
    """Points as the surrogate sees them: unordered choices one-hot, inactive ones constant.

    Args:
        space: whose points they are.
        points: (points, dimensions), NaN where a coordinate is inactive.

    Returns:
        (points, features). What is inactive is 0.5; a choice without an order is all zeros.
    """
    seen = np.empty((len(points), feature_owners(space).size))
    first = 0
    for column, coordinate in enumerate(space.coordinates):
        places = points[:, column]
        count = 1
        if not coordinate.parameter.ordered:
            count = coordinate.parameter.domain.count or 1
            cells = np.floor(np.where(np.isnan(places), -1.0, places) * count)
            seen[:, first : first + count] = (cells[:, None] == np.arange(count)) / sqrt(2)
        else:
            seen[:, first] = np.where(np.isnan(places), 0.5, places)
        first += count
    return seen


def feature_owners(space: Space) -> Int[np.ndarray[Any, Any], " features"]:
    """For each feature the index of its coordinate."""
    counts = [
        1 if coordinate.parameter.ordered else coordinate.parameter.domain.count or 1
        for coordinate in space.coordinates
    ]
    return np.repeat(np.arange(len(counts)), counts)


def active(space: Space, at: Points) -> Bool[np.ndarray, "points dimensions"]:
    """Which coordinates are active at each of these places.

    That is worked out once for each combination of values that the deciding parameters take.
    """
    deciding = [
        column for name in sorted(space.deciding) for column in space.columns.get(name, ())
    ]
    different, which = at[:1], np.zeros(len(at), int)  # where nothing decides, all are alike
    if deciding:
        values = at[:, deciding]
        _, first, which = np.unique(values, axis=0, return_index=True, return_inverse=True)
        different = at[first]
    settings = space.all_params(different)
    return np.asarray(~np.isnan(space.points(settings))[which.reshape(-1)])


def normal_scores(ranks: Int[np.ndarray[Any, Any], " trials"], trials: int) -> Vector:
    """The scores that trials of these ranks (0 is best) would have if scores were normal.

    The best has the lowest score; `trials` is how many were ranked.
    """
    normal = NormalDist()
    return np.array([normal.inv_cdf((rank + 0.5) / trials) for rank in ranks.tolist()])


def value_scores(ranks: Int[np.ndarray[Any, Any], " trials"], values: Vector) -> Vector:
    """Scores of mean 0 and variance 1 that keep the proportions of the values that trials gave.

    A hypervolume is measured in values: among ranks, trials whose values are almost the same at
    one end seem far apart. What is worse than the median by more than the best is better counts
    as just so much worse: an outlier, a lost trial. Where most are lost, only ranks can tell.

    Args:
        ranks: of the trials, 0 the best. Where not all were trained equally long, the trial of
            rank k gets the value that is the k-th smallest.
        values: what is minimised, infinite for a lost trial.
    """
    ordered = np.sort(values)
    with np.errstate(all="ignore"):  # differences of the largest numbers there are
        middle = ordered[len(ordered) // 2]
        scores = np.minimum((ordered - middle) / (middle - ordered[0]), 1.0)
        scores = (scores - scores.mean()) / scores.std()
    return scores[ranks] if np.isfinite(scores).all() else normal_scores(ranks, len(ranks))
