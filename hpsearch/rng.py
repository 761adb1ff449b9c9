"""Random numbers by identity: what a number is for decides it, never when it is drawn."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(*identity: int | str) -> np.random.Generator:
    """A generator for one purpose, the same on every machine and in every process.

    The identity names the purpose from the general to the special, for example
    ``stream(seed, "shuffle", epoch)``. Streams of different identities are independent
    for all practical purposes: their keys are 256 bits of SHA-256.

    >>> int(stream(0, "shuffle", 3).integers(100))
    59
    """
    key = hashlib.sha256(repr(identity).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))
