"""What mattered: how much of what a function does over a space is due to each parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hpsearch.sampling.latin import latin_hypercube
from hpsearch.sampling.screen import feature_owners, features
from hpsearch.sampling.surrogate import Inputs, Vector
from hpsearch.space import Choice, Points, Space
from hpsearch.space.domain import Domain, Fixed, Fractions

MOST_NUMBERS = 2**22  # features of all settings that a function is asked about at once

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
    values: list[list[Vector]] = [[] for _ in functions]
    for at in _batches(_designs(space, within, A, B)):
        for own, function in zip(values, functions, strict=True):
            own.append(function(at))
    effects = []
    for own in values:
        f = np.concatenate(own).reshape(-1, draws)
        effects.append(((f[1:] - f[0]) ** 2).mean(1) / 2)
    return np.array(effects)


def _designs(space: Space, within: Space, A: Points, B: Points) -> Iterator[Inputs]:
    """The features of A, then those of A with one parameter after another from B.

    Only a parameter that decides whether others are active changes more features than its own.
    """
    a, b = (_exact(space, within, draws) for draws in (A, B))
    active = _active(space, a)
    base, other = (features(space, np.where(active, at, np.nan)) for at in (a, b))
    yield base
    deciding, owners = _deciding(space), feature_owners(space)
    for name in searched(space):
        columns = space.columns[name]
        if name in deciding:
            mixed = a.copy()
            mixed[:, columns] = b[:, columns]
            yield features(space, np.where(_active(space, mixed), mixed, np.nan))
        else:
            own = np.isin(owners, columns)
            design = base.copy()
            design[:, own] = other[:, own]
            yield design


def _batches(designs: Iterable[Inputs]) -> Iterator[Inputs]:
    """Designs one below the other, as many at once as take little memory."""
    held: list[Inputs] = []
    for design in designs:
        if held and (len(held) + 1) * design.size > MOST_NUMBERS:
            yield np.vstack(held)
            held = []
        held.append(design)
    yield np.vstack(held)


def places(space: Space, within: Space, draws: Points) -> Points:
    """Where uniform draws from a narrower space lie in the space itself.

    They are the places of settings, as ``space.points`` would give them: exact for discrete
    values and choices, NaN where a coordinate is inactive. Setting by setting the same would
    take a hundred times as long.
    """
    at = _exact(space, within, draws)
    return np.where(_active(space, at), at, np.nan)


def _exact(space: Space, within: Space, draws: Points) -> Points:
    """The same, as if all coordinates were active."""
    moved = [
        _moved(coordinate.parameter.domain, within[name].domain, draws[:, column])
        if (name := coordinate.parameter.name) in within
        else draws[:, column]  # what narrowing has dropped is never active
        for column, coordinate in enumerate(space.coordinates)
    ]
    return space.snap(np.column_stack(moved))


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
    named = _deciding(space)
    deciding = [column for name in sorted(named) for column in space.columns.get(name, ())]
    _, first, which = np.unique(at[:, deciding], axis=0, return_index=True, return_inverse=True)
    settings = space.all_params(at[first])
    return np.asarray(~np.isnan(space.points(settings))[which.reshape(-1)])


def _deciding(space: Space) -> set[str]:
    """What `when` and `per` name."""
    return {name for p in space for name in (*p.when, *((p.per,) if p.per else ()))}
