"""Surrogates that can be asked what mattered: fitted to trials, and tried on others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.sensitivity import Function
from hpsearch.sampling.surrogate import Inputs, Vector, fit, matern, normal_scores

FOLDS = 5
STEPS = 100  # of the search for lengths, which here are the answer
FIRST, BEST, MOST = 64, 64, 160  # of thousands of trials, so many are enough


def chosen(ranked: Sequence[Observation], rng: np.random.Generator) -> list[Observation]:
    """The trials to fit to, still ranked: all, or of many the first, the best and some others.

    The first cover the space, before the search has zoomed; the best say what is near them.
    """
    by_number = sorted(range(len(ranked)), key=lambda place: ranked[place].number)
    kept = {*range(min(BEST, len(ranked))), *by_number[:FIRST]}
    others = [place for place in range(len(ranked)) if place not in kept]
    if len(others) > MOST - len(kept):
        others = rng.choice(others, MOST - len(kept), replace=False).tolist()
    return [ranked[place] for place in sorted([*kept, *others])]


def scores(ranked: Sequence[Observation]) -> Vector:
    """Normal scores of ranked trials; equal ones share the mean of theirs.

    Trials without a value are equal, and so are those with equal costs at every rung that
    both reached: their order is that of their numbers, which says when the search drew them.
    """
    new = [not _equal(one, other) for one, other in pairwise(ranked)]
    group = np.cumsum([0, *new])
    each = normal_scores(np.arange(len(ranked)), len(ranked))
    return np.asarray((np.bincount(group, each) / np.bincount(group))[group])


def _equal(one: Observation, other: Observation) -> bool:
    if one.finite and other.finite:
        return all(a == b for a, b in zip(one.costs, other.costs, strict=False))
    return one.finite == other.finite


def cross_validated(
    inputs: Inputs, scores: Vector, rng: np.random.Generator
) -> tuple[list[Function], Vector]:
    """A surrogate for each fold, which has not seen it, and what they predict of their folds."""
    folds = rng.permutation(len(scores)) % FOLDS
    surrogates, predicted = [], np.empty(len(scores))
    for fold in range(FOLDS):
        seen = folds != fold
        surrogate = fitted(inputs[seen], scores[seen], rng)
        predicted[~seen] = surrogate(inputs[~seen])
        surrogates.append(surrogate)
    return surrogates, predicted


def fitted(inputs: Inputs, scores: Vector, rng: np.random.Generator) -> Function:
    """The mean of Gaussian processes whose lengths were searched for independently.

    Only their means are asked for, at thousands of points; variances would cost far more.
    """
    surrogate = fit(inputs, scores, rng, STEPS)
    root = surrogate.root
    weights = np.linalg.solve(root.T, np.linalg.solve(root, scores))

    def mean(at: Inputs) -> Vector:
        return np.asarray(matern(at, inputs, surrogate.lengths) @ weights)

    return mean


def rank_correlation(one: Vector, other: Vector) -> float:
    """Spearman's, with mean ranks for equal values; 0 where either is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 8.0, 27.0]))
    1.0
    """
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0


def _ranks(values: Vector) -> Vector:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which])
