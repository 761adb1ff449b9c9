"""Random numbers that depend on what they are for, never on when they are drawn."""

from __future__ import annotations

import hashlib

import numpy as np

RULES = 5
"""The version of how random numbers are drawn and settings proposed. A run records the version
that it follows; a change of any number or setting that follows from a seed makes a new version.

1: all runs that record no version. Seeds for a user's trainer are below 2**32.
2: these seeds are below 2**31, as some libraries require.
3: numbers in ascending `values` are neighbours, where they were unrelated before.
4: screening takes fewer steps and candidates, hundreds of trials at a time, and has a goal beyond
   the best.
5: the lengths of its Gaussian process are climbed to, not drawn; trials that stopped early count
   for less in it.
"""


def stream(*identity: int | str) -> np.random.Generator:
    """A generator for one purpose: the same numbers in every process and on every machine.

    The identity names the purpose, for example ``stream(seed, "shuffle", epoch)``. Generators
    of different identities are independent for all practical purposes: each is seeded with
    256 bits of SHA-256.

    >>> int(stream(0, "shuffle", 3).integers(100))
    59
    """
    key = hashlib.sha256(repr(identity).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))


def library_seed(*identity: int | str, rules: int = RULES) -> int:
    """A seed for the random numbers of another library, from 0 to below 2**31.

    Some libraries accept no larger one. Under rules 1 it is below 2**32.

    >>> library_seed(0, "user"), library_seed(0, "user", rules=1)
    (1294627031, 2589254062)
    """
    return int(stream(*identity).integers(2**31 if rules >= 2 else 2**32))
