"""Sums over the examples of a mini-batch, without temporaries."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hpsearch.nn.types import Array, PerUnit, Units


def over_examples(A: Units, out: PerUnit) -> None:
    """Each unit's sum: a matrix product with a row of ones, twice as fast as a reduction."""
    np.matmul(_ones(A.shape[1], A.dtype), A, out=out)


def of_products(A: Units, B: Units, out: PerUnit) -> None:
    """Each unit's sum of A B; with A = B the sum of squares."""
    np.einsum("tmu,tmu->tu", A, B, out=out[:, 0])


@lru_cache(maxsize=64)
def _ones(size: int, dtype: np.dtype[np.generic]) -> Array:
    row = np.ones((1, size), dtype)
    row.flags.writeable = False
    return row
