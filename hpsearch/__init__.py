"""Hyperparameter search: random, coarse to fine, on the right scale.

The names below are loaded when they are first used, so that `import hpsearch` is light.
`__version__` is the version that is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.api.babysat import Babysat, babysit
    from hpsearch.api.run import Run, load, search
    from hpsearch.api.sampler import Sampler
    from hpsearch.errors import (
        ConfigError,
        DataError,
        ExchangeError,
        HpsearchError,
        OutputError,
        RunError,
        TrainerError,
    )
    from hpsearch.trial import Trial

    __version__: str

_HOMES = {
    "Babysat": "hpsearch.api.babysat",
    "babysit": "hpsearch.api.babysat",
    "Run": "hpsearch.api.run",
    "load": "hpsearch.api.run",
    "search": "hpsearch.api.run",
    "Sampler": "hpsearch.api.sampler",
    "Trial": "hpsearch.trial",
    "ConfigError": "hpsearch.errors",
    "DataError": "hpsearch.errors",
    "ExchangeError": "hpsearch.errors",
    "HpsearchError": "hpsearch.errors",
    "OutputError": "hpsearch.errors",
    "RunError": "hpsearch.errors",
    "TrainerError": "hpsearch.errors",
}

__all__ = [
    "Babysat",
    "ConfigError",
    "DataError",
    "ExchangeError",
    "HpsearchError",
    "OutputError",
    "Run",
    "RunError",
    "Sampler",
    "TrainerError",
    "Trial",
    "babysit",
    "load",
    "search",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("hpsearch")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'hpsearch' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
