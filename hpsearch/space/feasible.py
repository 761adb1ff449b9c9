"""Draws that keep the constraints of a space: others are drawn anew, from the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hpsearch.errors import ConfigError
from hpsearch.messages import counted
from hpsearch.rng import stream
from hpsearch.shapes import Bool
from hpsearch.space.expression import ExpressionError
from hpsearch.space.space import Points, Space
from hpsearch.trial import Params

LEAST = 0.01  # share of the draws that must keep all constraints
FEW, MANY = 1_000, 5_000  # draws to estimate the share by: many where it is small
ENOUGH = 0.05  # a share that is not small

Draw = Callable[[int], Points]
"""So many new points, in the order of a stream of random numbers."""


def anywhere(space: Space, generator: np.random.Generator) -> Draw:
    """Draws of uniform points."""
    return lambda count: generator.random((count, space.dimensions))


def keeps(space: Space, points: Points) -> Bool[np.ndarray, " points"]:
    """Which points are those of settings that keep the constraints."""
    return np.array([space.feasible(params) for params in space.all_params(points)], dtype=bool)


def some(space: Space, draw: Draw, count: int, most: int) -> Points:
    """So many points that keep the constraints, or fewer where `most` draws have no more.

    The first points are those of `draw(count)`; in the place of each that does not keep the
    constraints a later one comes at the end.
    """
    points = draw(count)
    if not space.constrained:
        return points
    found, drawn = points[keeps(space, points)], count
    while len(found) < count and drawn < most:
        more = draw(min(max(count, 64), most - drawn))
        drawn += len(more)
        found = np.vstack([found, more[keeps(space, more)]])
    return np.asarray(found[:count])


def exactly(space: Space, draw: Draw, count: int) -> Points:
    """So many points that keep the constraints.

    Raises:
        ConfigError: none, or too few, were found among a thousand times as many draws.
    """
    most = MANY + 1_000 * count
    points = some(space, draw, count, most)
    if len(points) < count:
        keep = f"{len(points):,}" if len(points) else "none"
        raise ConfigError(
            f"where: must hold in {LEAST:.0%} of the draws at least; of {most:,} draws of the "
            f"space {keep} kept it; loosen a constraint, or widen the space"
        )
    return points


@dataclass(frozen=True)
class Feasibility:
    """How many draws keep the constraints, and what keeps the others from it."""

    share: float  # of the draws that keep all constraints
    costliest: int | None = None  # without this constraint there were most; None: a derived value
    alone: float = 1.0  # share of the draws that keep the costliest
    without: float = 1.0  # share that keep all but it

    @property
    def enough(self) -> bool:
        """Whether a search finds settings without drawing each a hundred times."""
        return self.share >= LEAST


def feasibility(space: Space) -> Feasibility:
    """Estimate the share of the draws that keep the constraints, by always the same draws."""
    if not space.constrained:
        return Feasibility(1.0)
    generator = stream("feasibility")
    kept = _kept(space, generator.random((FEW, space.dimensions)))
    if kept.all(1).mean() < ENOUGH:
        kept = _kept(space, generator.random((MANY, space.dimensions)))
    share = float(kept.all(1).mean())
    ranked = [
        (float(np.delete(kept, column, 1).all(1).mean()), -float(kept[:, column].mean()), column)
        for column in range(kept.shape[1])
    ]
    without, alone, column = max(ranked)
    return Feasibility(share, column if column < len(space.where) else None, -alone, without)


def _kept(space: Space, points: Points) -> Bool[np.ndarray, "points constraints"]:
    """Which constraints each draw keeps; the last column says whether all is derived."""
    rows = []
    for params in space.all_params(points):
        crossed = [_row(space, each) for each in space.crossings(params)]
        rows.append(np.all(crossed, axis=0))
    return np.array(rows, dtype=bool).reshape(len(points), len(space.where) + 1)


def _row(space: Space, params: Params) -> list[bool]:
    try:
        values = {**space.settings, **params, **space.derived_of(params)}
    except ExpressionError:
        return [*([True] * len(space.where)), False]
    row = []
    for constraint in space.where:
        try:
            row.append(constraint.holds(values))
        except ExpressionError:
            row.append(False)
    return [*row, True]


def in_words(space: Space, found: Feasibility) -> str:
    """That too few draws keep the constraints, which one costs most, and what to do."""
    share = "no draw" if not found.share else f"about {found.share:.2%} of the draws"
    need = f"at least {LEAST:.0%} must"
    if found.costliest is None:
        return f"{share} {'has' if not found.share else 'have'} all derived values, {need}"
    text = space.where[found.costliest].text
    keep = f"{share} {'keeps' if not found.share else 'keep'}"
    whole = "this" if len(space.where) == 1 else f"all {counted(len(space.where), 'constraint')}"
    most = "" if len(space.where) == 1 else f"; {text!r} costs most, {found.alone:.2%} keep it"
    return f"{keep} {whole}, {need}{most}; loosen it, or narrow the space to where it holds"
