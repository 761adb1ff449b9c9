"""The settings that a round tries: a pure function of space, plan, history and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from hpsearch import rng
from hpsearch.sampling import SamplerName
from hpsearch.sampling.plan import FEWEST
from hpsearch.sampling.ranking import Observation, objectives, rank
from hpsearch.sampling.screening import Care, screen, screen_front
from hpsearch.sampling.zoom import draw, elites, latin_hypercube, lean
from hpsearch.space import Points, Space
from hpsearch.space.feasible import anywhere, exactly, keeps, some
from hpsearch.space.settings import count as length
from hpsearch.space.settings import draw_key, drawn, key, settings
from hpsearch.trial import Params

AROUND, UNIFORM = 384, 64  # candidates around the elites, and anywhere
MORE = 16  # candidates around the elites for each trial, at least
FEWER = 8  # where that must be quick
KEPT_AWAY_FROM = 64  # of the settings that have no value yet, the last
LARGEST_GRID = 100_000  # settings that are listed to be put in an order; others are drawn
DRAWN = 1024  # settings of a larger grid that are drawn at a time
TRIES = 8  # draws for each candidate, where most of them violate a constraint
EXCHANGES = 16  # of places between points of a Latin hypercube that violate one
LISTED = 1024  # settings listed beyond those that are needed, so that not the first are taken


def propose(
    space: Space,
    count: int,
    seed: int,
    first: int,
    progress: float = 0.0,
    history: Sequence[Observation] = (),
    sampler: SamplerName = "zoom",
    screened: bool = True,
    pending: Sequence[Params] = (),
    known: set[str] | None = None,
    rules: int = rng.RULES,
) -> list[Params]:
    """New settings for a round.

    Without a history, the zoom sampler covers the space with a Latin hypercube, half of it around
    the guesses where there are any. With one, it draws candidates around the best trials and a few
    anywhere. The random sampler draws anywhere and looks at no history; the grid sampler goes
    through all settings in one order, which the seed decides. Settings that were tried before come
    only when the space has no others. One that violates a constraint is drawn anew, from the same
    random numbers.

    Args:
        space: where the settings lie.
        count: how many settings.
        seed: of the search.
        first: the number of the round's first trial; with the seed it decides the random numbers.
        progress: the share of the planned trials that were proposed before, from 0 to 1.
        history: the trials that the round may look at.
        sampler: "zoom", "random", or "grid", for a space without ranges of real numbers.
        screened: whether to take the candidates from which a surrogate expects most, where there
            are at least `FEWEST` trials to fit it to; else any.
        pending: settings that were proposed before but have no value yet.
        known: the draws that were tried before, as `draw_key` names them; None for those of
            history and pending. The new ones are added. Under rules 1 to 3, a round with a lag is
            one that gives them: its screening must be quick.
        rules: of the run, see `rng.RULES`. Under rules 1, the random sampler and the Latin
            hypercube may propose a setting again.

    Raises:
        ConfigError: hardly any draw of the space keeps its constraints.
    """
    generator = rng.stream(seed, "propose", first)
    uniform = anywhere(space, generator)
    points = np.empty((0, space.dimensions))  # a grid's settings are listed
    if sampler == "random":
        points = exactly(space, uniform, count)
    elif sampler == "zoom" and not history:
        points = _evenly(space, generator, count, rng.stream(seed, "guess", first))
    elif sampler == "zoom":
        ranked = rank(history)
        care = Care.under(rules, count, lagging=known is not None)
        around = elites(space, ranked, progress)

        def candidates(trials: int) -> Points:
            most = max(AROUND, (FEWER if care.quick else MORE) * trials)
            near = some(
                space,
                lambda points: draw(space, around, points, progress, generator),
                most,
                TRIES * most,
            )
            return np.vstack([near, some(space, uniform, UNIFORM, TRIES * UNIFORM)])

        able = len(ranked) >= FEWEST and ranked[FEWEST - 1].finite  # those that are come first
        if screened and able and space.dimensions:
            points = _screened(space, ranked, candidates, count, generator, pending, care)
        else:
            points = candidates(count)
    if rules == 1:
        if history and sampler == "zoom":
            points = points[_new_ones(space, points, count, _tried(history, pending))]
        return list(space.all_params(points))
    seen = drawn(space, _tried(history, pending)) if known is None else known
    first_ones: Iterable[Params] = map(space.params, points)
    if sampler == "grid":
        first_ones = in_order(space, seed, len(seen) + count)
    return _new_settings(space, first_ones, count, seen, generator)


def _screened(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Callable[[int], Points],
    count: int,
    generator: np.random.Generator,
    pending: Sequence[Params],
    care: Care,
) -> Points:
    """The candidates for so many trials that are worth training, then others."""
    best: list[Points] = []
    for start in range(0, count, care.at_once):
        pending = pending[-KEPT_AWAY_FROM:]
        trials = min(care.at_once, count - start)
        found = candidates(trials)
        if len(found) < trials:  # constraints leave hardly any
            continue
        if objectives(ranked) == 1:
            order = screen(space, ranked, found, trials, generator, pending, care)
        else:
            order = screen_front(space, ranked, found, trials, generator, pending, care)
        best.append(found[order])
        if start + trials < count:
            pending = [*pending, *space.all_params(best[-1])]
    return np.vstack([*best, found])


def in_order(space: Space, seed: int, count: int) -> Iterator[Params]:
    """The settings of a grid in an order that the seed alone decides.

    A longer search goes on in it where a shorter one ended. Of a grid of more than
    `LARGEST_GRID` settings they are drawn, some perhaps twice: many more than `count`.
    """
    generator = rng.stream(seed, "grid")
    if length(space, LARGEST_GRID + 1) <= LARGEST_GRID:
        listed = list(settings(space))
        yield from (listed[place] for place in generator.permutation(len(listed)))
        return
    uniform = anywhere(space, generator)
    for _ in range(0, MORE * count, DRAWN):
        yield from map(space.params, some(space, uniform, DRAWN, TRIES * DRAWN))


def _evenly(
    space: Space, generator: np.random.Generator, count: int, guessing: np.random.Generator
) -> Points:
    """A Latin hypercube of points that keep the constraints, half of them around the guesses.

    Those that do not exchange their places on each axis with each other, so that every slice has
    a point still; what never fits is drawn anywhere.
    """
    points = latin_hypercube(generator, count, space.dimensions)
    if any(coordinate.parameter.guess for coordinate in space.coordinates):
        points = lean(space, points, guessing)
    if not space.constrained:
        return points
    left = np.flatnonzero(~keeps(space, points))
    for _ in range(EXCHANGES):
        if len(left) < 2:
            break
        points[left] = generator.permuted(points[left], axis=0)
        left = left[~keeps(space, points[left])]
    if len(left):
        points[left] = exactly(space, anywhere(space, generator), len(left))
    return points


def _tried(history: Sequence[Observation], pending: Sequence[Params]) -> list[Params]:
    """The settings that were proposed before."""
    return [*(trial.params for trial in history), *pending]


def _new_ones(space: Space, candidates: Points, count: int, before: Sequence[Params]) -> list[int]:
    """Indices of the first candidates that were not tried before; of others only if need be."""
    tried = {key(params) for params in before}
    new: list[int] = []
    old: list[int] = []
    for index, point in enumerate(candidates):
        if len(new) == count:
            break
        this = key(space.params(point))
        (old if this in tried else new).append(index)
        tried.add(this)
    return [*new, *old][:count]


def _new_settings(
    space: Space,
    first: Iterable[Params],
    count: int,
    seen: set[str],
    generator: np.random.Generator,
) -> list[Params]:
    """So many settings whose draws differ from those seen before, and from each other.

    Those given come first, in their order, then settings drawn uniformly. If these are
    too few, few are left, so all settings are listed. Only where there are no more of them are
    settings given again.
    """
    new: list[Params] = []

    def take(settings: Iterable[Params]) -> None:
        for params in settings:
            if len(new) == count:
                return
            if (this := draw_key(space, params)) not in seen:
                seen.add(this)
                new.append(params)

    uniform = anywhere(space, generator)
    take(first)
    if len(new) < count:
        more = max(MORE * count, UNIFORM)
        take(space.params(point) for point in some(space, uniform, more, TRIES * more))
    if len(new) < count:
        listed = list(islice(settings(space), (len(seen) + count) * space.crossed + LISTED))
        take(listed[place] for place in generator.permutation(len(listed)))
    if len(new) < count:
        again = exactly(space, uniform, count - len(new))
        new += [space.params(point) for point in again]
    return new
