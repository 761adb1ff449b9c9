"""Random numbers by identity: what a number is for decides it, never when it is drawn."""

from __future__ import annotations

import hashlib

import numpy as np

RULES = 2
"""The version of how random numbers are drawn and settings proposed. Every run records its own
and keeps to it; a change of any number or setting that a seed gives makes a new version.

1: all before runs recorded it. Seeds for a user's trainer are below 2**32.
2: they are below 2**31, as some libraries want them.
"""


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


def library_seed(*identity: int | str, rules: int = RULES) -> int:
    """A seed for another library's random numbers, below 2**31: some take no larger one.

    Under rules 1 it is below 2**32.

    >>> library_seed(0, "user"), library_seed(0, "user", rules=1)
    (1294627031, 2589254062)
    """
    return int(stream(*identity).integers(2**31 if rules >= 2 else 2**32))
