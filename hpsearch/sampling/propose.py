"""What a round tries: a pure function of the space, the plan, the history and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hpsearch import rng
from hpsearch.sampling.latin import latin_hypercube
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.sampling.zoom import draw, elites
from hpsearch.space import Points, Space
from hpsearch.trial import Params

Sampler = Literal["zoom", "random"]
CANDIDATES = 16  # draws to choose from, so that a small discrete space is not tried twice


def propose(
    space: Space,
    count: int,
    seed: int,
    first: int,
    progress: float = 0.0,
    history: Sequence[Observation] = (),
    sampler: Sampler = "zoom",
) -> list[Params]:
    """`count` new settings for the round that begins with trial `first`.

    Without history, the zoom sampler covers the space with a Latin hypercube; with it, it
    draws around the best trials. A setting that was tried already is avoided where another
    one can be found. `progress` is the share of the search that is done.
    """
    generator = rng.stream(seed, "propose", first)
    if sampler == "random":
        points = generator.random((count, space.dimensions))
    elif not history:
        points = latin_hypercube(generator, count, space.dimensions)
    else:
        around = elites(space, rank(history), progress)
        candidates = draw(space, around, count * CANDIDATES, progress, generator)
        points = _first_new(space, candidates.reshape(count, CANDIDATES, -1), history)
    return [space.params(point) for point in points]


def _first_new(space: Space, candidates: Points, history: Sequence[Observation]) -> Points:
    """For each trial, the first of its candidates that was not tried yet, else the first."""
    tried = {_key(trial.params) for trial in history}
    chosen = []
    for options in candidates:
        keys = (_key(space.params(point)) for point in options)
        index = next((i for i, key in enumerate(keys) if key not in tried), 0)
        tried.add(_key(space.params(options[index])))
        chosen.append(options[index])
    return np.array(chosen)


def _key(params: Params) -> str:
    return repr(sorted(params.items()))
