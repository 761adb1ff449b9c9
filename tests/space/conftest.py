"""Spaces that use everything a space can: scales, steps, choices, `per`, `when`, both at once."""

import pytest

from hpsearch.space import (
    LOG,
    ONE_MINUS_POWER,
    Choice,
    Continuous,
    Discrete,
    Fixed,
    Parameter,
    Space,
)


@pytest.fixture(scope="session")
def network():
    """Like a real search: layers with units of their own, and settings of one optimizer only."""
    return Space(
        (
            Parameter("learning_rate", Continuous(1e-4, 1, LOG)),
            Parameter("hidden_units", Discrete(16, 128, 1, LOG), per="hidden_layers"),
            Parameter("hidden_layers", Discrete(0, 3)),
            Parameter("dropout", Discrete(0.0, 0.5, 0.1, integer=False)),
            Parameter("optimizer", Choice(("sgd", "momentum", "adam"))),
            Parameter("momentum", Continuous(0.9, 0.999, ONE_MINUS_POWER),
                      when={"optimizer": ("momentum",)}),
            Parameter("nesterov", Choice((True, False)), when={"optimizer": ("momentum",)}),
            Parameter("nesterov_from", Discrete(1, 9), when={"nesterov": (True,)}),
            Parameter("beta1", Continuous(0.8, 0.99), when={"optimizer": ("adam",)}),
            Parameter("initializer", Fixed("he")),
        )
    )  # fmt: skip
