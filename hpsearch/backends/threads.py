"""How many threads numerical libraries use, since that changes the bits of a result."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController, threadpool_limits

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


def on_one_thread() -> AbstractContextManager[Any]:
    """Limit NumPy's BLAS in this process to one thread, as often as settings are proposed."""
    limited: AbstractContextManager[Any] = _numpys().limit(limits=1)
    return limited


@cache
def _numpys() -> ThreadpoolController:
    """What limits the BLAS of NumPy; to find it takes as long as to propose a setting."""
    import numpy as np  # noqa: F401 (as above)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
