"""Sensitivity: how much of the variance of a function over a space is due to each parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from hpsearch.sampling.surrogate import Inputs, Vector, active, feature_owners, features
from hpsearch.sampling.zoom import latin_hypercube
from hpsearch.shapes import Bool, Float
from hpsearch.space import Choice, Points, Space
from hpsearch.space.alternatives import narrower
from hpsearch.space.domain import Domain, Fixed, Fractions
from hpsearch.space.feasible import keeps

MOST_NUMBERS = 2**22  # features of all settings for which a function is called at once

Function = Callable[[Inputs], Vector]
"""From the `features` of many settings, (settings, features), to a value for each."""

Effects = Float[np.ndarray[Any, Any], "functions parameters"]


def searched(space: Space) -> list[str]:
    """The parameters that are not fixed, in the order of the space."""
    return [name for name, columns in space.columns.items() if columns]


def total_effects(
    functions: Sequence[Function],
    space: Space,
    within: Space,
    draws: int,
    rng: np.random.Generator,
) -> Effects:
    """Total effects: the variance that is left when all parameters but one are fixed.

    With f as a function of the uniform coordinates, all independent, and i the coordinates of
    one parameter, the total effect is

        T_i = E[Var(f | all but i)] = E[(f(A) - f(A with i from B))^2] / 2

    for independent draws A and B. It covers what the parameter does alone and in interaction
    with others, so the T_i add up to the variance of f if f is additive, and to more otherwise.
    All entries of a list count as one parameter. Where a parameter is inactive it is constant;
    what changes because others become active counts for the parameter that decides that.
    Where the space has constraints, only pairs count of which both settings keep them.

    Args:
        functions: of settings in `space`.
        space: for which `features` are computed.
        within: the same space or a narrower one; settings are drawn uniformly from it.
        draws: how many A and B are drawn, as one Latin hypercube.
        rng: draws them.

    Returns:
        (functions, parameters), with a column for each of the `searched` parameters of `space`.

    Reference: Sobol 1993; the estimator is that of Jansen 1999, "Analysis of Variance Designs
    for Model Output", recommended by Saltelli et al. 2010, "Variance Based Sensitivity Analysis
    of Model Output", table 2 (f).
    """
    both = latin_hypercube(rng, draws, 2 * space.dimensions)
    A, B = both[:, : space.dimensions], both[:, space.dimensions :]
    values: list[list[Vector]] = [[] for _ in functions]
    for at in _batches(_designs(space, within, A, B)):
        for batches, function in zip(values, functions, strict=True):
            batches.append(function(at))
    count = _feasible_pairs(space, within, A, B)
    effects = []
    for batches in values:
        f = np.concatenate(batches).reshape(-1, draws)
        squares = (f[1:] - f[0]) ** 2
        effects.append(
            squares.mean(1) / 2
            if count is None
            else (squares * count).sum(1) / np.maximum(1, 2 * count.sum(1))
        )
    return np.array(effects)


def _feasible_pairs(
    space: Space, within: Space, A: Points, B: Points
) -> Bool[np.ndarray, "parameters draws"] | None:
    """Whether A, and A with a parameter from B, both keep the constraints; None without any."""
    if not space.constrained:
        return None
    a, b = (places(space, within, draws) for draws in (A, B))
    kept = keeps(space, a)
    names = [*(each.names for each in space.where), *(each.depends_on for each in space.derived)]
    decisive = {name for each in names for name in each} | space.deciding
    pairs = []
    for name in searched(space):
        pair = kept.copy()
        if name in decisive:
            columns = space.columns[name]
            mixed = a[kept]
            mixed[:, columns] = b[kept][:, columns]
            pair[kept] = keeps(space, mixed)
        pairs.append(pair)
    return np.array(pairs)


def _designs(space: Space, within: Space, A: Points, B: Points) -> Iterator[Inputs]:
    """The features of A, then those of A with one parameter after another from B."""
    a, b = (places(space, within, draws) for draws in (A, B))
    used = active(space, a)
    base, other = (features(space, np.where(used, at, np.nan)) for at in (a, b))
    yield base
    owners = feature_owners(space)
    for name in searched(space):
        columns = space.columns[name]
        if name in space.deciding:  # others become active or inactive with it
            mixed = a.copy()
            mixed[:, columns] = b[:, columns]
            yield features(space, np.where(active(space, mixed), mixed, np.nan))
        else:
            changed = np.isin(owners, columns)
            design = base.copy()
            design[:, changed] = other[:, changed]
            yield design


def _batches(designs: Iterable[Inputs]) -> Iterator[Inputs]:
    """Designs one below the other, so many at once that they have at most `MOST_NUMBERS`."""
    stacked: list[Inputs] = []
    for design in designs:
        if stacked and (len(stacked) + 1) * design.size > MOST_NUMBERS:
            yield np.vstack(stacked)
            stacked = []
        stacked.append(design)
    yield np.vstack(stacked)


def places(space: Space, within: Space, draws: Points) -> Points:
    """Where uniform draws from a narrower space lie in the space itself.

    All coordinates are moved, whether they are `active` or not. Where they are, the result is
    that of ``space.points`` for the settings drawn, in a hundredth of the time.

    Args:
        space: where the places lie.
        within: the same space or a narrower one.
        draws: (draws, dimensions of space), uniform in [0, 1].
    """
    moved = []
    for column, coordinate in enumerate(space.coordinates):
        inner = narrower(coordinate.parameter, space, within)
        moved.append(
            draws[:, column]  # what narrowing has dropped is never active
            if inner is None
            else _moved(coordinate.parameter.domain, inner.domain, draws[:, column])
        )
    return space.snap(np.column_stack(moved))


def _moved(domain: Domain, inner: Domain, draws: Fractions) -> Fractions:
    """The places in a domain of uniform draws from a narrower one."""
    if isinstance(inner, Choice | Fixed):
        cells = np.floor(inner.snap(draws) * len(inner.values)).astype(int)
        outer = np.array([domain.fraction(value) for value in inner.values])
        return np.asarray(outer[cells])
    ends = [inner.at(0.0), inner.at(1.0)]
    here, there = ([each.fraction(end) for end in ends] for each in (inner, domain))
    return np.asarray(np.interp(inner.snap(draws), here, there))
