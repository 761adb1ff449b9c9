"""Array shapes as types: jaxtyping's, for readers, mypy and the tests.

Importing jaxtyping takes longer than importing NumPy, and only the tests check shapes at run
time. They import it before anything of hpsearch; elsewhere each of these types is plain.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Int64", "Shaped"]

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Shaped
else:

    class Shaped:
        """``Shaped[np.ndarray, "rows"]`` is ``np.ndarray``."""

        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            return item[0]

    Bool = Float = Float32 = Float64 = Int = Int64 = Shaped
