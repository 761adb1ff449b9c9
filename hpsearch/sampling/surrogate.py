"""A small Gaussian process that predicts scores of settings, and picks those worth training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, log, pi, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from hpsearch.sampling import pareto
from hpsearch.sampling.ranking import Observation, by_objective, objectives, rank
from hpsearch.shapes import Bool, Float, Int
from hpsearch.space import Points, Space
from hpsearch.trial import Params

Inputs = Float[np.ndarray[Any, Any], "points features"]
Vector = Float[np.ndarray[Any, Any], " points"]
Scores = Float[np.ndarray[Any, Any], "points objectives"]
Volume = Float[np.ndarray[Any, Any], "places objectives"]
Lengths = Float[np.ndarray[Any, Any], " features"]

BEST, OTHERS = 32, 32  # trials that screening fits the surrogate to
FEWEST = 6  # trials: fewer say nothing about where to look
NOISE = 0.25  # variance between seeds, where the scores have variance 1
STEPS = 24  # of the search for lengths
QUICK_STEPS = 8  # where it must be quick
LENGTH = 0.4  # median of the prior of a length, times the root of the number of features
PRIOR_DEVIATION = 1.0  # of the logarithm of a length
LIKELY = 32  # candidates whose expected improvement is computed first

NOISES = (NOISE, 0.04, 0.005)  # of which the likeliest is taken where objectives are several
VOLUME = 1024  # points at which the volume is measured that several objectives can still gain
BEYOND = 0.5  # how far that volume reaches beyond the front, in scores
_Z = np.linspace(-6, 6, 2401)
_BELOW = np.array([0.5 * erfc(-z / sqrt(2)) for z in _Z.tolist()])  # of a standard normal


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
    _, first, which = np.unique(at[:, deciding], axis=0, return_index=True, return_inverse=True)
    settings = space.all_params(at[first])
    return np.asarray(~np.isnan(space.points(settings))[which.reshape(-1)])


def normal_scores(ranks: Int[np.ndarray[Any, Any], " trials"], trials: int) -> Vector:
    """The scores that trials of these ranks (0 is best) would have if scores were normal.

    The best has the lowest score; `trials` is how many were ranked.
    """
    normal = NormalDist()
    return np.array([normal.inv_cdf((rank + 0.5) / trials) for rank in ranks.tolist()])


def screen(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Points,
    count: int,
    rng: np.random.Generator,
    pending: Sequence[Params] = (),
    quick: bool = False,
) -> list[int]:
    """Pick the candidates to train, by expected improvement under a Gaussian process.

    After each pick, the process is updated as if the score there were its mean, so that the
    picks of a round differ. The same is done for each pending setting before the first pick.

    Args:
        space: where the candidates lie.
        ranked: the trials so far, from best to worst.
        candidates: (candidates, dimensions), all coordinates, active or not.
        count: how many to pick.
        rng: picks the trials that the process is fitted to, and fits it.
        pending: settings that were proposed before but have no value yet.
        quick: whether to fit with fewer steps, and to take candidates to lie where they snap to,
            which may differ in the last bits from where their settings lie.

    Returns:
        Indices of candidates, in the order in which they were picked.

    Reference: Jones, Schonlau and Welch 1998, "Efficient Global Optimization of Expensive
    Black-Box Functions"; Ginsbourger, Le Riche and Carraro 2010, "Kriging Is Well-Suited to
    Parallelize Optimization" (the believer).
    """
    others = np.arange(BEST, len(ranked))
    if len(others) > OTHERS:
        others = np.sort(rng.choice(others, OTHERS, replace=False))
    chosen = np.concatenate([np.arange(min(BEST, len(ranked))), others])
    inputs = features(space, space.points([ranked[i].params for i in chosen]))
    scores = normal_scores(chosen, len(ranked))
    surrogate = fit(inputs, scores, rng, QUICK_STEPS if quick else STEPS)
    if not quick:
        places = space.points([*pending, *space.all_params(candidates)])
    else:
        snapped = space.snap(candidates)
        placed = np.where(active(space, snapped), snapped, np.nan)
        places = np.vstack([space.points(pending), placed])
    at = features(space, places)
    mean, V = surrogate.predict(at)
    variance = 1 - (V * V).sum(0)
    rows = np.empty((len(V) + len(pending) + count, len(at)))
    rows[: len(V)] = V  # the others follow in place: a copy for each pick would be quadratic
    V = rows[: len(V)]
    goal = float(surrogate.scores.min())  # the best seen, luck included: that favours exploring
    picked: list[int] = []
    most = np.full(len(at), np.inf)  # that each can improve, by what was known of it last
    if quick and pending:  # all at once: the same but for rounding
        picked = list(range(len(pending)))
        covariance = matern(at[picked], at, surrogate.lengths) - V[:, picked].T @ V
        noisy = covariance[:, picked] + NOISE * np.eye(len(picked))
        new = np.linalg.solve(np.linalg.cholesky(noisy), covariance)
        rows[len(V) : len(V) + len(new)] = new
        V = rows[: len(V) + len(new)]
        variance = np.maximum(variance - (new * new).sum(0), 0)
        most[picked] = -np.inf
    for step in range(len(picked), len(pending) + count):
        index = step if step < len(pending) else _largest(most, goal - mean, variance)
        picked.append(index)
        most[index] = -np.inf
        # Entered at its mean, a point leaves all means as they are and only takes variance.
        row = matern(at[[index]], at, surrogate.lengths)[0] - V[:, index] @ V
        row /= sqrt(max(row[index], 1e-12) + NOISE)
        rows[len(V)] = row
        V = rows[: len(V) + 1]
        variance = np.maximum(variance - row * row, 0)
    return [index - len(pending) for index in picked[len(pending) :]]


def screen_front(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Points,
    count: int,
    rng: np.random.Generator,
    pending: Sequence[Params] = (),
    quick: bool = False,
) -> list[int]:
    """Pick the candidates to train where there are several objectives.

    Each objective has a Gaussian process of its own, on normal scores of the ranking by it
    alone; trials that break bounds are last in all of them. The pick is the candidate from which
    the largest growth of the hypervolume is expected: of the volume that no trial dominates yet,
    each point counts by the chance that the candidate dominates it. The volume is measured at
    random points. After each pick, the candidate stands on the front at its mean.

    Args:
        space: where the candidates lie.
        ranked: the trials so far, from best to worst.
        candidates: (candidates, dimensions), all coordinates, active or not.
        count: how many to pick.
        rng: picks the trials that the processes are fitted to, fits them, and draws the points.
        pending: settings that were proposed before but have no value yet.
        quick: whether to fit with fewer steps.

    Returns:
        Indices of candidates, in the order in which they were picked.

    Reference: Emmerich, Giannakoglou and Naujoks 2006, "Single- and Multiobjective Evolutionary
    Optimization Assisted by Gaussian Random Field Metamodels".
    """
    others = np.arange(BEST, len(ranked))
    if len(others) > OTHERS:
        others = np.sort(rng.choice(others, OTHERS, replace=False))
    chosen = np.concatenate([np.arange(min(BEST, len(ranked))), others])
    inputs = features(space, space.points([ranked[i].params for i in chosen]))
    columns = []
    for objective in range(objectives(ranked)):
        alone = rank(by_objective(ranked, objective))
        place = {trial.number: i for i, trial in enumerate(alone)}
        places = np.array([place[ranked[i].number] for i in chosen])
        columns.append(normal_scores(places, len(ranked)))
    scores = np.stack(columns, axis=1)
    at = features(space, space.points([*pending, *space.all_params(candidates)]))
    fitted = [_best_fit(inputs, column, rng, quick) for column in scores.T]
    predicted = [surrogate.predict(at) for surrogate in fitted]
    means = np.stack([mean for mean, _ in predicted], axis=1)
    known = [V for _, V in predicted]
    variances = np.stack([1 - (V * V).sum(0) for V in known], axis=1)
    free = _undominated(scores, rng)
    picked: list[int] = []
    for step in range(len(pending) + count):
        index = step
        if step >= len(pending):
            grown = _growth(means, variances, free)
            grown[picked] = -np.inf
            index = int(grown.argmax())
        picked.append(index)
        free = free[~(free >= means[index]).all(1)]
        for j, surrogate in enumerate(fitted):
            # Entered at its mean, a point leaves all means as they are and only takes variance.
            row = matern(at[[index]], at, surrogate.lengths)[0] - known[j][:, index] @ known[j]
            row /= sqrt(max(row[index], 1e-12) + surrogate.noise)
            known[j] = np.vstack([known[j], row])
            variances[:, j] = np.maximum(variances[:, j] - row * row, 0)
    return [index - len(pending) for index in picked[len(pending) :]]


def _best_fit(
    inputs: Inputs, scores: Vector, rng: np.random.Generator, quick: bool = False
) -> Surrogate:
    """The likeliest of fits with several noises: of some objectives seeds change nothing."""
    steps = QUICK_STEPS if quick else STEPS
    fits = [fit(inputs, scores, rng, steps, noise) for noise in NOISES]
    return max(fits, key=lambda surrogate: surrogate.posterior)


def _undominated(scores: Scores, rng: np.random.Generator) -> Volume:
    """Random points, (points, objectives), of the volume that no trial dominates.

    It lies between the best scores, less `BEYOND`, and the worst scores of the front, and a bit
    beyond these, so that the front's ends count too.
    """
    lead = np.zeros((len(scores), 1))
    front = scores[pareto.fronts(np.hstack([lead, scores]))[0]]
    low, high = front.min(0) - BEYOND, front.max(0) + BEYOND
    points = low + (high - low) * rng.random((VOLUME, scores.shape[1]))
    return np.asarray(points[~(front[:, None] <= points[None]).all(2).any(0)])


def _growth(
    means: Scores, variances: Scores, free: Volume
) -> Float[np.ndarray[Any, Any], " points"]:
    """The expected growth of the hypervolume by each candidate, in points that it dominates."""
    deviations = np.sqrt(np.maximum(variances, 1e-12))
    chance = np.ones((len(means), len(free)))
    for j in range(means.shape[1]):
        z = (free[None, :, j] - means[:, j, None]) / deviations[:, j, None]
        chance *= np.interp(z, _Z, _BELOW)
    return np.asarray(chance.sum(1))


def _largest(most: Vector, gain: Vector, variance: Vector) -> int:
    """The first point with the largest expected improvement.

    Variances only shrink, and with them what can be expected. So only points are computed anew
    that could be the largest by what was known of them before; that is noted in `most`.
    """
    likely = np.argsort(most)[-LIKELY:]
    likely = likely[most[likely] > -np.inf]
    most[likely] = expected_improvement(gain[likely], variance[likely])
    close = most >= most[likely].max() * (1 - 1e-9) - 1e-300  # whatever was rounded
    close[likely] = False
    most[close] = expected_improvement(gain[close], variance[close])
    return int(most.argmax())


def expected_improvement(gain: Vector, variance: Vector) -> Float[np.ndarray[Any, Any], " points"]:
    """E[max(0, gain + deviation Z)] with Z standard normal: of each point, (points,)."""
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    z = gain / deviation
    cumulative = np.array([0.5 * erfc(-x / sqrt(2)) for x in z.tolist()])  # exact far below 0
    density = np.exp(-0.5 * z * z) / sqrt(2 * pi)
    return np.asarray(gain * cumulative + deviation * density)
