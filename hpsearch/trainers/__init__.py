"""What trains a trial, behind one small protocol."""

from __future__ import annotations

from hpsearch.trainers.network import HYPERPARAMETERS


def limits(kind: str) -> dict[str, tuple[float | None, float | None]]:
    """Bounds that no value of a hyperparameter can pass, by name.

    >>> limits("network")["dropout"]
    (0, 1)
    """
    known = HYPERPARAMETERS if kind in ("network", "keras") else {}
    return {name: (known[name].low, known[name].high) for name in known}
