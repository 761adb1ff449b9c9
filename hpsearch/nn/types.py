"""Array shapes as types, in the axis letters that `hpsearch.nn` explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.shapes import Bool, Float, Int

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
else:
    Array = np.ndarray  # jaxtyping checks a plain class at run time

Units = Float[Array, "t m u"]
"""The values of a layer on a mini-batch: (trials, examples, units)."""

PerUnit = Float[Array, "t 1 u"]
"""One number for each unit of a layer, (trials, 1, units), such as gamma or a mean."""

PerTrial = Float[Array, "t 1"]
"""One number for each trial, (trials, 1), to broadcast over flat parameters."""

Flat = Float[Array, "t p"]
"""All parameters, gradients or moments of a stack: (trials, parameters)."""

FlatStatistics = Float[Array, "t s"]
"""Means and variances of all hidden units of a stack: (trials, statistics)."""

Logits = Float[Array, "t c m"]
"""The values of the output layer, (trials, classes, examples).

Classes come before examples because a maximum over ten classes is then ten vector operations.
"""

Labels = Int[Array, "t m"]
"""Class indices of a mini-batch: (trials, examples)."""

PerExample = Float[Array, "t 1 m"]
"""One number for each example, (trials, 1, examples), to broadcast over classes."""

Mask = Bool[Array, "t m u"]
"""A buffer of booleans for activations and dropout: (trials, examples, units)."""
