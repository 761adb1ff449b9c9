"""What a round tries: a pure function of the space, the plan, the history and the seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal

import numpy as np

from hpsearch import rng
from hpsearch.sampling.latin import latin_hypercube
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.sampling.screen import FEWEST, screen
from hpsearch.sampling.zoom import draw, elites
from hpsearch.space import Points, Space
from hpsearch.space.settings import draw_key, drawn, key, settings
from hpsearch.trial import Params

Sampler = Literal["zoom", "random"]
AROUND, UNIFORM = 384, 64  # candidates of a small round; a large one has more
MORE = 16  # candidates for each trial, at least
LISTED = 1024  # settings more than are needed, so that it is not the first ones that are taken


def propose(
    space: Space,
    count: int,
    seed: int,
    first: int,
    progress: float = 0.0,
    history: Sequence[Observation] = (),
    sampler: Sampler = "zoom",
    screened: bool = True,
    pending: Sequence[Params] = (),
    again: bool = False,
) -> list[Params]:
    """`count` new settings for the round that begins with trial `first`.

    Without history, the zoom sampler covers the space with a Latin hypercube; with it, it
    draws candidates around the best trials, and a few anywhere, and keeps those from which a
    surrogate expects most, or any. `progress` is the share of the search that is done.

    A setting that was tried already is proposed only when the space holds no other, and so is
    one that is `pending`: proposed, its value not known yet. Under rules 1 it came `again` from
    samplers that look at no history, and wherever candidates did not differ.
    """
    generator = rng.stream(seed, "propose", first)
    if sampler == "random":
        points = generator.random((count, space.dimensions))
    elif not history:
        points = latin_hypercube(generator, count, space.dimensions)
    else:
        ranked = rank(history)
        around = elites(space, ranked, progress)
        near = draw(space, around, max(AROUND, MORE * count), progress, generator)
        candidates = np.vstack([near, generator.random((UNIFORM, space.dimensions))])
        if screened and space.dimensions and sum(trial.finite for trial in ranked) >= FEWEST:
            order = screen(space, ranked, candidates, count, generator, pending)
            candidates = np.vstack([candidates[order], candidates])
        points = candidates
    tried = [*(trial.params for trial in history), *pending]
    if again:
        if history and sampler != "random":
            points = points[_new_ones(space, points, count, tried)]
        return list(space.all_params(points))
    return _new_settings(space, points, count, tried, generator)


def _new_ones(space: Space, candidates: Points, count: int, before: Sequence[Params]) -> list[int]:
    """The first candidates that were not tried yet, in their order; others only if need be."""
    tried = {key(params) for params in before}
    new: list[int] = []
    old: list[int] = []
    for index, point in enumerate(candidates):
        if len(new) == count:
            break
        own = key(space.params(point))
        (old if own in tried else new).append(index)
        tried.add(own)
    return [*new, *old][:count]


def _new_settings(
    space: Space,
    points: Points,
    count: int,
    tried: Sequence[Params],
    generator: np.random.Generator,
) -> list[Params]:
    """`count` settings whose draws differ from all that were tried, and from each other.

    The points' own come first, in their order. Where these are too few, uniform draws follow;
    where even these find too few, so few are left that they can be listed. Only a space that
    holds no more gives settings again.
    """
    known = drawn(space, tried)
    new: list[Params] = []

    def take(settings: Iterable[Params]) -> None:
        for params in settings:
            if len(new) == count:
                return
            if (own := draw_key(space, params)) not in known:
                known.add(own)
                new.append(params)

    take(space.params(point) for point in points)
    if len(new) < count:
        more = generator.random((max(MORE * count, UNIFORM), space.dimensions))
        take(space.params(point) for point in more)
    if len(new) < count:
        listed = list(islice(settings(space), (len(known) + count) * space.crossed + LISTED))
        take(listed[place] for place in generator.permutation(len(listed)))
    if len(new) < count:
        more = generator.random((count - len(new), space.dimensions))
        new += [space.params(point) for point in more]
    return new
