"""What mattered: how much of what a function does over a space is due to each parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hpsearch.sampling.latin import latin_hypercube
from hpsearch.sampling.screen import features
from hpsearch.sampling.surrogate import Inputs, Vector
from hpsearch.space import Choice, Points, Space
from hpsearch.space.domain import Domain, Fixed, Fractions

Function = Callable[[Inputs], Vector]
"""A value for each of many settings, which it sees as `features` shows them."""

Effects = Float[np.ndarray[Any, Any], "functions parameters"]


def searched(space: Space) -> list[str]:
    """The parameters that can differ between trials, in the order of the space."""
    return [name for name, columns in space.columns.items() if columns]


def total_effects(
    functions: Sequence[Function],
    space: Space,
    within: Space,
    draws: int,
    rng: np.random.Generator,
) -> Effects:
    """Variance of a function that is left while all parameters but one are known.

    With f as a function of the uniform coordinates, all independent, and i the coordinates of
    one parameter, the total effect is

        T_i = E[Var(f | all but i)] = E[(f(A) - f(A with i from B))^2] / 2

    for independent draws A and B. It holds what the parameter does alone and what it does
    together with others, so the T_i of an additive f sum to its variance, and otherwise to
    more. All entries of a parameter with `per` count as one; a parameter is constant where it
    is inactive, and one that decides whether others are active answers for that, too.

    Args:
        functions: of settings in `space`.
        space: what the functions know.
        within: the same or narrower; settings are drawn uniformly from it.
        draws: how many A and B are drawn, as one Latin hypercube.
        rng: draws them.

    Returns:
        One row a function, one column for each of the `searched` parameters of `space`.

    Reference: Sobol 1993; the estimator is that of Jansen 1999, "Analysis of Variance Designs
    for Model Output", as Saltelli et al. 2010, "Variance Based Sensitivity Analysis of Model
    Output", table 2 (f), recommends it.
    """
    both = latin_hypercube(rng, draws, 2 * space.dimensions)
    A, B = both[:, : space.dimensions], both[:, space.dimensions :]
    designs = [A]
    for name in searched(space):
        mixed = A.copy()
        mixed[:, space.columns[name]] = B[:, space.columns[name]]
        designs.append(mixed)
    at = features(space, places(space, within, np.vstack(designs)))
    effects = []
    for function in functions:
        f = function(at).reshape(len(designs), draws)
        effects.append(((f[1:] - f[0]) ** 2).mean(1) / 2)
    return np.array(effects)


def places(space: Space, within: Space, draws: Points) -> Points:
    """Where uniform draws from a narrower space lie in the space itself.

    They are the places of settings, as ``space.points`` would give them: exact for discrete
    values and choices, NaN where a coordinate is inactive. Setting by setting the same would
    take a hundred times as long.
    """
    moved = [
        _moved(coordinate.parameter.domain, within[name].domain, draws[:, column])
        if (name := coordinate.parameter.name) in within
        else draws[:, column]  # what narrowing has dropped is never active
        for column, coordinate in enumerate(space.coordinates)
    ]
    at = space.snap(np.column_stack(moved))
    return np.where(_active(space, at), at, np.nan)


def _moved(domain: Domain, inner: Domain, draws: Fractions) -> Fractions:
    """The places in a domain of uniform draws from a part of it."""
    if isinstance(inner, Fixed):
        return np.full(draws.shape, domain.fraction(inner.value))
    if isinstance(inner, Choice):
        cells = np.floor(inner.snap(draws) * len(inner.values)).astype(int)
        known = np.array([domain.fraction(value) for value in inner.values])
        return np.asarray(known[cells])
    ends = [inner.at(0.0), inner.at(1.0)]
    here, there = ([each.fraction(end) for end in ends] for each in (inner, domain))
    return np.asarray(np.interp(inner.snap(draws), here, there))


def _active(space: Space, at: Points) -> Bool[np.ndarray, "points dimensions"]:
    """Which coordinates count at each of these places.

    Only what `when` and `per` name decides that, and it takes few values: each combination of
    them is looked at once.
    """
    named = {name for p in space for name in (*p.when, *((p.per,) if p.per else ()))}
    deciding = [column for name in sorted(named) for column in space.columns.get(name, ())]
    _, first, which = np.unique(at[:, deciding], axis=0, return_index=True, return_inverse=True)
    settings = [space.params(point) for point in at[first]]
    return np.asarray(~np.isnan(space.points(settings))[which.reshape(-1)])
