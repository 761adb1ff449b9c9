"""Under which circumstances a run was made: versions, machine, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any


def provenance() -> dict[str, Any]:
    """What run.json records beside the configuration.

    The bits of a result depend on the processor and on NumPy; on nothing else here.
    """
    import numpy as np

    return {
        "versions": {
            "hpsearch": version("hpsearch"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "git": _commit(),
    }


@cache
def _processor() -> str:
    """The processor's name; Linux keeps it in a file, Python asks only the kernel's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _commit() -> str | None:
    """The commit of the current folder's git checkout; None where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 (the user's own git)
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
