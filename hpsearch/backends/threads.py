"""How many threads numerical libraries use, since that changes the bits of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",  # Apple's Accelerate, which threadpoolctl cannot limit
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables that limit the threads of the libraries that a new process loads."""
    return dict.fromkeys(VARIABLES, str(threads))


def limit_threads(threads: int) -> threadpool_limits:
    """Limit the BLAS of this process, until `restore_original_limits` of the result is called."""
    import numpy as np  # noqa: F401 (only a BLAS that is loaded can be limited)
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads)
