"""From `mymodel.py:build` to the function, in a process where Keras has started."""

from __future__ import annotations

from hpsearch.trainers.function.loading import Function, extras_of, load
from hpsearch.trainers.keras.framework import start
from hpsearch.trainers.keras.own.saved import Origin

EXTRAS = ("features", "classes")
"""What the function gets besides the parameters, where it takes an argument of the name."""

SIGNATURE = "build(params), and any of features and classes"


def builder(origin: Origin) -> tuple[Function, tuple[str, ...]]:
    """Start Keras, load the function, and tell which of EXTRAS it takes.

    Keras starts first: the user's file imports it, and must find it on the right framework.

    Raises:
        TrainerError: Keras is not installed, or the function cannot be imported or called.
    """
    start(origin.backend, origin.threads)
    function = load(origin.target, origin.home)
    return function, extras_of(function, origin.target, ({},), EXTRAS, SIGNATURE)


def takes(origin: Origin) -> tuple[str, ...]:
    """Which of EXTRAS the function takes; for a worker to find out, see `builder`."""
    return builder(origin)[1]
