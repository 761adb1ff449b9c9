"""How many threads numerical libraries use: their number changes the bits of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",  # Apple's Accelerate, out of threadpoolctl's reach
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def thread_variables(threads: int) -> dict[str, str]:
    """The environment for a new process, for libraries that it has yet to load."""
    return dict.fromkeys(VARIABLES, str(threads))


def limit_threads(threads: int) -> threadpool_limits:
    """Limit this process's BLAS, loaded with NumPy; the limit lifts when the result is exited."""
    import numpy as np  # noqa: F401 (what is not loaded cannot be limited)
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads)
