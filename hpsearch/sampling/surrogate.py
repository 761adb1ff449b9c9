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
Covariance = Float[np.ndarray[Any, Any], "points points"]

NOISE = 0.25  # variance between seeds, where the scores have variance 1
NOISES = (NOISE, 0.04, 0.005)  # of several objectives: of some of them seeds change nothing
CLIMBS = 6  # steps of the search for lengths
FIRST_STEP, LARGEST_STEP = 0.5, 1.5  # of the logarithm of a length
SHORTER, LONGER = 0.4, 1.5  # times the step before, by whether the slope turned
FLAT = 1e-9  # a slope below it is rounding: of a feature that is the same in all points
STEPS = 24  # of a search by draws
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
    r = _distances(left / lengths, right / lengths)
    return _matern(r, np.exp(-r))


def _matern(
    r: Float[np.ndarray[Any, Any], "m n"], decay: Float[np.ndarray[Any, Any], "m n"]
) -> Float[np.ndarray[Any, Any], "m n"]:
    """The covariance at these distances, of which `decay` is exp(-r)."""
    return np.asarray((1 + r + r * r / 3) * decay)


def _distances(
    a: Float[np.ndarray[Any, Any], "m features"], b: Float[np.ndarray[Any, Any], "n features"]
) -> Float[np.ndarray[Any, Any], "m n"]:
    """sqrt(5) times the distance of each a from each b."""
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(5 * np.maximum(squares, 0)))


@dataclass(frozen=True)
class Surrogate:
    """A Gaussian process with mean 0 and variance 1, fitted to scores."""

    inputs: Inputs
    scores: Vector
    lengths: Lengths
    white: Covariance  # the inverse of the Cholesky factor of the covariance, with noise
    noise: float = NOISE  # of a point that is new
    posterior: float = 0.0  # its logarithm, up to a constant

    def predict(self, at: Inputs) -> tuple[Vector, Float[np.ndarray[Any, Any], "inputs points"]]:
        """The mean at new points, (points,), and V, which gives their covariance.

        The posterior covariance of two new points a and b is k(a, b) - V[:, a] . V[:, b].
        """
        V = self.white @ matern(self.inputs, at, self.lengths)
        return V.T @ (self.white @ self.scores), V

    @property
    def weights(self) -> Vector:
        """Of the covariances of a new point with those known, which sum up to its mean."""
        return np.asarray(self.white.T @ (self.white @ self.scores))


def fit(
    inputs: Inputs,
    scores: Vector,
    noise: float = NOISE,
    steps: int = CLIMBS,
    doubts: Vector | float = 0.0,
) -> Surrogate:
    """Fit the lengths by climbing the slope of their posterior.

    Some lengths hardly matter to it and others very much, so only the slope's sign is followed:
    each length has a step of its own, on the log scale, which grows while the sign stays the
    same and shrinks when it turns. A few steps find out which lengths are short.

    Args:
        inputs: (points, features), from `features`.
        scores: (points,), of about mean 0 and variance 1.
        noise: variance between seeds.
        steps: how many.
        doubts: variance of each score beyond the noise, (points,).

    Reference: Riedmiller and Braun 1993, "A Direct Adaptive Method for Faster Backpropagation
    Learning: The RPROP Algorithm".
    """
    lengths = np.full(inputs.shape[1], np.exp(_middle(inputs)))
    best, slope = _with_slope(inputs, scores, lengths, noise, doubts)
    sizes, before = np.full(len(lengths), FIRST_STEP), np.zeros(len(lengths))
    for _ in range(steps):
        uphill = np.where(np.abs(slope) > FLAT, np.sign(slope), 0.0)
        turned = np.choose(1 + (uphill * before).astype(int), (SHORTER, 1.0, LONGER))
        sizes, before = np.minimum(sizes * turned, LARGEST_STEP), uphill
        lengths = lengths * np.exp(uphill * sizes)
        found, slope = _with_slope(inputs, scores, lengths, noise, doubts)
        best = likeliest(best, found)
    return best


def _with_slope(
    inputs: Inputs, scores: Vector, lengths: Lengths, noise: float, doubts: Vector | float = 0.0
) -> tuple[Surrogate, Lengths]:
    """The surrogate with these lengths, and the slope of its log posterior by their logarithms.

    With a = x / length, the covariance of two points has the derivative
    5/3 (1 + r) exp(-r) (a_i - a_j)^2 by the logarithm of a length.

    Reference: Rasmussen and Williams 2006, equation 5.9.
    """
    a = inputs / lengths
    r = _distances(a, a)
    decay = np.exp(-r)
    found = _with_lengths(inputs, scores, lengths, noise, _matern(r, decay), doubts)
    inverse, weights = found.white.T @ found.white, found.weights
    W = (np.outer(weights, weights) - inverse) * (5 / 3 * (1 + r) * decay)
    likelihood = (a * a).T @ W.sum(1) - (a * (W @ a)).sum(0)  # sums over i and j, halved
    prior = (np.log(lengths) - _middle(inputs)) / PRIOR_DEVIATION**2
    return found, np.asarray(likelihood - prior)


def fit_by_draws(
    inputs: Inputs,
    scores: Vector,
    rng: np.random.Generator,
    steps: int = STEPS,
    noise: float = NOISE,
) -> Surrogate:
    """Fit the lengths as up to rules 4: by a short random search, seldom to the likeliest.

    Args:
        inputs: (points, features), from `features`.
        scores: (points,), of about mean 0 and variance 1.
        rng: draws the steps.
        steps: how many.
        noise: variance between seeds.
    """

    def with_lengths(lengths: Lengths) -> Surrogate:
        return _with_lengths(inputs, scores, lengths, noise, matern(inputs, inputs, lengths))

    features = inputs.shape[1]
    best = with_lengths(np.full(features, np.exp(_middle(inputs))))
    for _ in range(steps):
        step = rng.normal(size=features) * (rng.random(features) < 0.5)
        best = likeliest(best, with_lengths(best.lengths * np.exp(0.7 * step)))
    return best


def likeliest(*surrogates: Surrogate) -> Surrogate:
    """The one with the largest posterior; the first of equal ones."""
    return max(surrogates, key=lambda surrogate: surrogate.posterior)


def _middle(inputs: Inputs) -> float:
    """The logarithm of the prior's median of a length."""
    return log(LENGTH * sqrt(max(1, inputs.shape[1])))


def _with_lengths(
    inputs: Inputs,
    scores: Vector,
    lengths: Lengths,
    noise: float,
    covariance: Covariance,
    doubts: Vector | float = 0.0,
) -> Surrogate:
    """The surrogate with these lengths, which give the covariance, and its log posterior."""
    root = np.linalg.cholesky(covariance + (noise + doubts) * np.eye(len(covariance)))
    white = np.linalg.inv(root)
    whitened = white @ scores
    likelihood = -0.5 * float(whitened @ whitened) - float(np.log(np.diag(root)).sum())
    off = np.log(lengths) - _middle(inputs)
    prior = -0.5 * float((off**2).sum()) / PRIOR_DEVIATION**2
    return Surrogate(inputs, scores, lengths, white, noise, likelihood + prior)


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
