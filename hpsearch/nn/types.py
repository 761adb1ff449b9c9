"""Array shapes as types, in the axis letters of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
else:
    Array = np.ndarray  # jaxtyping checks a plain class at run time

Units = Float[Array, "t m u"]
"""A layer's values on a mini-batch: (trials, examples, units)."""

PerUnit = Float[Array, "t 1 u"]
"""One number for each unit of a layer, such as gamma or a mean."""

PerTrial = Float[Array, "t 1"]
"""One number for each trial, ready to broadcast over flat parameters."""

Flat = Float[Array, "t p"]
"""All parameters, gradients or moments of a stack, one row a trial."""

FlatStatistics = Float[Array, "t s"]
"""Means and variances of all hidden units of a stack, one row a trial."""

Logits = Float[Array, "t c m"]
"""The output layer's values, classes first: a maximum over classes is then ten vector maxima."""

Labels = Int[Array, "t m"]
"""Class indices of a mini-batch."""

PerExample = Float[Array, "t 1 m"]
"""One number for each example of a mini-batch, ready to broadcast over classes."""

Mask = Bool[Array, "t m u"]
"""Where something holds; a buffer that activations may write to."""
