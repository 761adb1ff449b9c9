"""The search space: scales, parameters, and their places in the unit cube."""

from hpsearch.space.alternatives import mixture, one_of
from hpsearch.space.domain import (
    Choice,
    Continuous,
    Discrete,
    Domain,
    Fixed,
    distinct,
    on_scale,
    same,
)
from hpsearch.space.expression import Expression
from hpsearch.space.scale import ALIASES, LINEAR, LOG, ONE_MINUS_POWER, SCALES, Normal, Scale
from hpsearch.space.space import Coordinate, Derived, Parameter, Points, Space, largest_integer

__all__ = [
    "ALIASES",
    "LINEAR",
    "LOG",
    "ONE_MINUS_POWER",
    "SCALES",
    "Choice",
    "Continuous",
    "Coordinate",
    "Derived",
    "Discrete",
    "Domain",
    "Expression",
    "Fixed",
    "Normal",
    "Parameter",
    "Points",
    "Scale",
    "Space",
    "distinct",
    "largest_integer",
    "mixture",
    "on_scale",
    "one_of",
    "same",
]
