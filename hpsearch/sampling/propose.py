"""What a round tries: a pure function of the space, the plan, the history and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hpsearch import rng
from hpsearch.sampling.latin import latin_hypercube
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.sampling.screen import FEWEST, screen
from hpsearch.sampling.zoom import draw, elites
from hpsearch.space import Points, Space
from hpsearch.trial import Params

Sampler = Literal["zoom", "random"]
AROUND, UNIFORM = 384, 64  # candidates of a small round; a large one has more
MORE = 16  # candidates for each trial, at least


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
) -> list[Params]:
    """`count` new settings for the round that begins with trial `first`.

    Without history, the zoom sampler covers the space with a Latin hypercube; with it, it
    draws candidates around the best trials, and a few anywhere, and keeps those from which a
    surrogate expects most, or any. A setting that was tried already is avoided where another
    one can be found, and so is one that is `pending`: proposed, its value not known yet.
    `progress` is the share of the search that is done.
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
        tried = [*(trial.params for trial in history), *pending]
        points = candidates[_new_ones(space, candidates, count, tried)]
    return [space.params(point) for point in points]


def _new_ones(
    space: Space, candidates: Points, count: int, settings: Sequence[Params]
) -> list[int]:
    """The first candidates that were not tried yet, in their order; others only if need be."""
    tried = {_key(params) for params in settings}
    new: list[int] = []
    old: list[int] = []
    for index, point in enumerate(candidates):
        if len(new) == count:
            break
        key = _key(space.params(point))
        (old if key in tried else new).append(index)
        tried.add(key)
    return [*new, *old][:count]


def _key(params: Params) -> str:
    return repr(sorted(params.items()))
