"""Inverted dropout: drop units in training, so that nothing is rescaled at test time.

Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hpsearch.nn.types import Array, Mask, Units


def draw(
    generators: Sequence[np.random.Generator], rates: Array, factors: Units, mask: Mask
) -> None:
    """Draw what activations are multiplied by: 0 with probability `rate`, else 1/(1 - rate).

    Args:
        generators: one a trial, so that a trial's draws do not depend on its stack.
        rates: (trials, 1, 1), the share of units dropped.
        factors: receives the factors.
        mask: overwritten.
    """
    for generator, trial in zip(generators, factors, strict=True):
        generator.random(out=trial, dtype=factors.dtype.type)
    np.greater_equal(factors, rates, out=mask)
    np.divide(mask, 1 - rates, out=factors)
