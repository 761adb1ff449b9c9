"""Screening: which of many candidates are worth training, by what a Gaussian process expects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import erfc, pi, sqrt
from typing import Any

import numpy as np

from hpsearch.sampling import pareto
from hpsearch.sampling.plan import FEWEST
from hpsearch.sampling.ranking import Observation, by_objective, objectives, rank
from hpsearch.sampling.surrogate import (
    NOISE,
    NOISES,
    STEPS,
    Inputs,
    Surrogate,
    Vector,
    active,
    features,
    fit,
    fit_by_draws,
    likeliest,
    matern,
    normal_scores,
    value_scores,
)
from hpsearch.shapes import Float, Int
from hpsearch.space import Points, Space
from hpsearch.trial import Params

Scores = Float[np.ndarray[Any, Any], "points objectives"]
Chosen = Int[np.ndarray[Any, Any], " chosen"]
Ends = Float[np.ndarray[Any, Any], " _"]  # of cells, along one objective
Cells = Float[np.ndarray[Any, Any], "..."]
Vectors = Float[np.ndarray[Any, Any], "known points"]
Promises = Float[np.ndarray[Any, Any], " chosen"]

BEST, OTHERS = 32, 32  # trials that screening fits the surrogate to
STOPPED = 1.0  # variance of the score of a trial that stopped early, beyond the noise
MARGIN = 0.3  # of the scores' deviation, by which a trial is to improve on the best
QUICK_STEPS = 8  # of a search for lengths by draws, where it must be quick
LIKELY = 32  # candidates whose expected improvement is computed first
FRONT = 128  # of the best trials, whose front is looked at
BEYOND = 0.5  # how far beyond the worst scores of a front volume counts
CELLS = 2**14  # that this volume is cut into, at most: a front of two objectives fits in
AT_ONCE = 256  # trials that are screened at once: their time grows with the square
QUICK, CLIMBING = 4, 5  # the rules from which on it is always quick, lengths are climbed to


@dataclass(frozen=True)
class Care:
    """How candidates are screened, which depends on the rules of a run.

    Attributes:
        quick: whether to look at fewer candidates, and to draw fewer lengths.
        climbs: whether the surrogate's lengths are climbed to, not drawn, and trials that stopped
            early are doubted.
        at_once: how many trials are picked before candidates are drawn anew.
        margin: by how much a score must be better than the best one to be an improvement.
    """

    quick: bool = True
    climbs: bool = True
    at_once: int = AT_ONCE
    margin: float = MARGIN

    @classmethod
    def under(cls, rules: int, count: int, *, lagging: bool) -> Care:
        """What the rules say of a round of so many trials, which may have a lag."""
        if rules < QUICK:
            return cls(lagging, climbs=False, at_once=count, margin=0.0)
        return cls(climbs=rules >= CLIMBING)

    def fit(
        self,
        inputs: Inputs,
        scores: Vector,
        doubts: Vector,
        rng: np.random.Generator,
        noise: float = NOISE,
    ) -> Surrogate:
        """The surrogate of trials, see `surrogate.fit`."""
        if self.climbs:
            return fit(inputs, scores, noise, doubts=doubts)
        return fit_by_draws(inputs, scores, rng, QUICK_STEPS if self.quick else STEPS, noise)


def screen(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Points,
    count: int,
    rng: np.random.Generator,
    pending: Sequence[Params] = (),
    care: Care = Care(),
) -> list[int]:
    """Pick the candidates to train, by expected improvement under a Gaussian process.

    After each pick, the process is updated as if the score there were its mean, so that the
    picks of a round differ. The same is done for each pending setting before the first pick.

    Args:
        space: where the candidates lie.
        ranked: the trials so far, from best to worst.
        candidates: (candidates, dimensions), all coordinates, active or not.
        count: how many to pick.
        rng: picks the trials that the process is fitted to, and draws where the fit needs it.
        pending: settings that were proposed before but have no value yet.
        care: how it is done.

    Returns:
        Indices of candidates, in the order in which they were picked.

    Reference: Jones, Schonlau and Welch 1998, "Efficient Global Optimization of Expensive
    Black-Box Functions"; Ginsbourger, Le Riche and Carraro 2010, "Kriging Is Well-Suited to
    Parallelize Optimization" (the believer).
    """
    chosen, inputs, doubted = _fitted_to(space, ranked, rng)
    scores = normal_scores(chosen, len(ranked))
    surrogate = care.fit(inputs, scores, doubted, rng)
    at = features(space, _places(space, candidates, pending))
    mean, V = surrogate.predict(at)
    variance = 1 - (V * V).sum(0)
    rows = np.empty((len(V) + len(pending) + count, len(at)))
    rows[: len(V)] = V  # the others follow in place: a copy for each pick would be quadratic
    V = rows[: len(V)]
    goal = float(surrogate.scores.min()) - care.margin  # the best may be lucky: explore more
    most = np.full(len(at), np.inf)  # that each can improve, by what was known of it last
    if pending:  # they enter all at once
        waiting = slice(len(pending))
        covariance = matern(at[waiting], at, surrogate.lengths) - V[:, waiting].T @ V
        noisy = covariance[:, waiting] + surrogate.noise * np.eye(len(pending))
        new = np.linalg.solve(np.linalg.cholesky(noisy), covariance)
        rows[len(V) : len(V) + len(new)] = new
        V = rows[: len(V) + len(new)]
        variance = np.maximum(variance - (new * new).sum(0), 0)
        most[waiting] = -np.inf

    def improvement(of: Chosen) -> Promises:
        return expected_improvement(goal - mean[of], variance[of])

    picked: list[int] = []
    while True:
        index = _largest(most, improvement)
        picked.append(index - len(pending))
        if len(picked) == count:
            return picked
        most[index] = -np.inf
        row = _entered(index, at, V, surrogate)
        rows[len(V)] = row
        V = rows[: len(V) + 1]
        variance = np.maximum(variance - row * row, 0)


def screen_front(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Points,
    count: int,
    rng: np.random.Generator,
    pending: Sequence[Params] = (),
    care: Care = Care(),
) -> list[int]:
    """Pick the candidates to train where there are several objectives.

    Each objective has a Gaussian process of its own; trials that break bounds are last in all of
    them. The pick is the candidate from which the largest growth of the hypervolume is expected.
    After each pick, the candidate stands on the front at its mean.

    Args:
        space: where the candidates lie.
        ranked: the trials so far, from best to worst.
        candidates: (candidates, dimensions), all coordinates, active or not.
        count: how many to pick.
        rng: picks the trials that the processes are fitted to, and draws where a fit needs it.
        pending: settings that were proposed before but have no value yet.
        care: how they are fitted.

    Returns:
        Indices of candidates, in the order in which they were picked.

    Reference: Emmerich, Giannakoglou and Naujoks 2006, "Single- and Multiobjective Evolutionary
    Optimization Assisted by Gaussian Random Field Metamodels".
    """
    chosen, inputs, doubted = _fitted_to(space, ranked, rng)
    scores = np.stack([_scores(ranked, i) for i in range(objectives(ranked))], axis=1)
    at = features(space, _places(space, candidates, pending))
    fitted = [
        likeliest(*(care.fit(inputs, column, doubted, rng, noise) for noise in NOISES))
        for column in scores[chosen].T
    ]
    predicted = [surrogate.predict(at) for surrogate in fitted]
    means = np.stack([mean for mean, _ in predicted], axis=1)
    known = [V for _, V in predicted]
    variances = np.stack([1 - (V * V).sum(0) for V in known], axis=1)
    front = scores[:FRONT]  # the ranking begins with it
    front = front[~pareto.dominated(front)]
    reference = front.max(0) + BEYOND
    picked: list[int] = []
    most = np.full(len(at), np.inf)
    for step in range(len(pending) + count):
        index = step
        if step >= len(pending):
            index = _largest(most, partial(growth, means, variances, *cells(front, reference)))
        picked.append(index)
        most[index] = -np.inf
        if len(picked) == len(pending) + count:
            break  # nothing is picked after it
        front = np.vstack([front, means[index]])
        for j, surrogate in enumerate(fitted):
            row = _entered(index, at, known[j], surrogate)
            known[j] = np.vstack([known[j], row])
            variances[:, j] = np.maximum(variances[:, j] - row * row, 0)
    return [index - len(pending) for index in picked[len(pending) :]]


def _entered(index: int, at: Inputs, V: Vectors, surrogate: Surrogate) -> Vector:
    """The row that a point adds to V when it enters the process at its mean.

    So it leaves all means as they are, and only takes variance: the row's squares.
    """
    row = matern(at[[index]], at, surrogate.lengths)[0] - V[:, index] @ V
    return np.asarray(row / sqrt(max(row[index], 1e-12) + surrogate.noise))


def _fitted_to(
    space: Space, ranked: Sequence[Observation], rng: np.random.Generator
) -> tuple[Chosen, Inputs, Vector]:
    """The trials to fit to: their places in the ranking, their features, and their doubts."""
    chosen = _looked_at(len(ranked), rng)
    trials = [ranked[i] for i in chosen]
    return chosen, features(space, space.points([each.params for each in trials])), doubts(trials)


def _looked_at(trials: int, rng: np.random.Generator) -> Chosen:
    """The places in the ranking of the trials to fit to: the best, and some of the others."""
    others = np.arange(BEST, trials)
    if len(others) > OTHERS:
        others = np.sort(rng.choice(others, OTHERS, replace=False))
    return np.concatenate([np.arange(min(BEST, trials)), others])


def doubts(trials: Sequence[Observation]) -> Vector:
    """How much less the score of each trial tells than that of one which was trained in full.

    A weak trial that stopped early may have been weak only at first. So its score counts for
    less, once as many trials as a process is fitted to at least have trained longer. That one
    was lost is certain.

    Returns:
        (trials,), the variance of each score beyond the noise.
    """
    reached = np.array([len(trial.costs) if trial.finite else 0 for trial in trials])
    longest = reached.max(initial=0)
    if np.count_nonzero(reached == longest) < FEWEST:
        return np.zeros(len(trials))
    return np.where((reached > 0) & (reached < longest), STOPPED, 0.0)


def _places(
    space: Space, candidates: Points, pending: Sequence[Params]
) -> Float[np.ndarray[Any, Any], "places dimensions"]:
    """Where the pending settings and then the candidates lie, NaN where they are inactive.

    Candidates lie where they snap to, but for the last bits where their settings do.
    """
    snapped = space.snap(candidates)
    placed = np.where(active(space, snapped), snapped, np.nan)
    return np.vstack([space.points(pending), placed])


def _scores(ranked: Sequence[Observation], objective: int) -> Vector:
    """The score of each trial by one objective alone."""
    alone = by_objective(ranked, objective)
    places = {trial.number: place for place, trial in enumerate(rank(alone))}
    values = [
        trial.costs[-1][1] if trial.finite and not trial.costs[-1][0] else np.inf
        for trial in alone
    ]
    return value_scores(np.array([places[trial.number] for trial in alone]), np.array(values))


def cells(
    front: Scores, reference: Float[np.ndarray[Any, Any], " objectives"]
) -> tuple[list[Ends], Cells]:
    """Cut the volume up to the reference along the scores of the front.

    Args:
        front: (points, objectives); points that others dominate change nothing.
        reference: the worst score that counts, by objective.

    Returns:
        Of each objective the upper ends of the cells, the first of which has no lower end; and
        for each cell 1 where no point dominates it, else 0. Where there would be too many cells,
        points stand at the nearest of fewer ends.
    """
    most = int(CELLS ** (1 / len(reference)) + 1e-9)
    ends, places = [], []
    for column, last in zip(front.T, reference, strict=True):
        inner = np.unique(column)
        if len(inner) >= most:
            inner = inner[np.linspace(0, len(inner) - 1, max(1, most - 1)).round().astype(int)]
        places.append(np.searchsorted((inner[1:] + inner[:-1]) / 2, column))
        ends.append(np.append(inner, last))
    free = np.ones([len(each) for each in ends])
    for place in zip(*(each.tolist() for each in places), strict=True):
        free[tuple(slice(each + 1, None) for each in place)] = 0
    return ends, free


def growth(
    means: Scores,
    variances: Scores,
    ends: Sequence[Ends],
    free: Cells,
    of: Chosen | slice = slice(None),
) -> Promises:
    """How much the hypervolume is expected to grow by points, from `cells` of the volume.

    In each cell that is free, a point takes the part that is worse than it in all objectives:
    along one of them, what it improves on the cell's upper end less what on the lower one.

    Args:
        means: (points, objectives), of the scores.
        variances: the same of them.
        ends: of the cells, by objective.
        free: which cells no trial dominates.
        of: the points asked for.
    """
    slices = []
    for mean, variance, upper in zip(means[of].T, variances[of].T, ends, strict=True):
        gains = (upper[None, :] - mean[:, None]).reshape(-1)
        taken = expected_improvement(gains, np.repeat(variance, len(upper)))
        slices.append(np.diff(taken.reshape(len(mean), len(upper)), axis=1, prepend=0.0))
    first, *others = slices
    grown = np.tensordot(first, free, axes=1)
    for each in others:
        grown = np.einsum("pc,pc...->p...", each, grown)
    return np.asarray(grown)


def _largest(most: Vector, promised: Callable[[Chosen], Promises]) -> int:
    """The first point that promises most, by the function, of which `most` is known.

    Variances only shrink, and with them what can be expected. So only points are computed anew
    that could be the largest by what was known of them before; that is noted in `most`.
    """
    likely = np.argsort(most)[-LIKELY:]
    likely = likely[most[likely] > -np.inf]
    most[likely] = promised(likely)
    close = most >= most[likely].max() * (1 - 1e-9) - 1e-300  # whatever was rounded
    close[likely] = False
    others = np.flatnonzero(close)
    most[others] = promised(others)
    return int(most.argmax())


def expected_improvement(gain: Vector, variance: Vector) -> Float[np.ndarray[Any, Any], " points"]:
    """E[max(0, gain + deviation Z)] with Z standard normal: of each point, (points,)."""
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    z = gain / deviation
    cumulative = np.array([0.5 * erfc(-x / sqrt(2)) for x in z.tolist()])  # exact far below 0
    density = np.exp(-0.5 * z * z) / sqrt(2 * pi)
    return np.asarray(gain * cumulative + deviation * density)
