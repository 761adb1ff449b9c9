"""How much memory a worker may take."""

from __future__ import annotations

import sys
from math import ceil
from pathlib import Path

MEGABYTE = 2**20

ROOM = 40 * MEGABYTE
"""Bytes beyond what a worker takes to start without which it can train nothing: OpenBLAS asks for
32 MB at its first matrix product, and ends the process where it does not get them."""


def limit_memory(most: int) -> str | None:
    """Hold this process to so many bytes of data; beyond them an allocation fails.

    Enforced on Linux, where Python raises MemoryError for an allocation that fails.

    Returns:
        None, or what is wrong where so little leaves no room for a call; then the process is
        not limited, so that it can say so.
    """
    if sys.platform != "linux":
        return None
    import resource

    taken = _data()
    if most < taken + ROOM:
        return (
            f"parallel.memory: must leave a worker {_shown(ROOM)} beyond the {_shown(taken)} that "
            f"it takes to start, found {_shown(most)} in all; allow at least "
            f"{_shown(taken + ROOM)}, and what your trials need"
        )
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return None


def _data() -> int:
    """Bytes of data that this process has, as RLIMIT_DATA counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _shown(amount: int) -> str:
    return f"{ceil(amount / MEGABYTE)}M"
