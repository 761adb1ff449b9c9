"""A space with every kind of coordinate, and trials in it whose cost has one valley."""

import numpy as np
import pytest

from hpsearch.sampling.ranking import Observation
from hpsearch.space import LOG, Choice, Continuous, Discrete, Parameter, Space


@pytest.fixture(scope="session")
def space():
    return Space(
        (
            Parameter("x", Continuous(1e-4, 1, LOG)),
            Parameter("layers", Discrete(1, 3)),
            Parameter("units", Discrete(8, 64, 8), per="layers"),
            Parameter("kind", Choice(("a", "b"))),
            Parameter("y", Continuous(0, 1), when={"kind": ("b",)}),
        )
    )


@pytest.fixture(scope="session")
def history(space):
    """Trials whose cost grows with the distance of x from 0.01 on its scale; one diverged."""
    points = np.random.default_rng(0).random((30, space.dimensions))
    trials = [space.params(point) for point in points]
    costs = [(abs(float(np.log10(params["x"])) + 2), 0.0) for params in trials]
    costs[3] = (float("inf"), float("inf"))
    return [Observation(i, params, (costs[i],)) for i, params in enumerate(trials)]
