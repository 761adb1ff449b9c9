"""What a framework below Keras has for itself: how it starts up, and how it takes many steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from hpsearch.nn.types import Array

Loss = Callable[[Any, Any, Any], Any]
"""From logits (rows, classes), class indices and weights (rows,) to a scalar, in Keras's ops."""

Steps = Callable[[Array, Array, Array, Array], Array]
"""Train on mini-batches one after another and give the loss of each, (steps,).

The arguments are X (steps, batch size, features), y and weights (steps, batch size), and the
scalars of each step, which the optimizer takes as its `per_step`.
"""


class Framework(Protocol):
    """A module for one framework; it imports the framework inside its functions."""

    EXTRA: str
    """The extra of hpsearch that installs it."""

    def environment(self, threads: int) -> dict[str, str]:
        """Environment variables that it reads as it is imported."""
        ...

    def prepare(self, threads: int) -> None:
        """Make it reproducible, on so many threads; right after it was imported.

        Raises:
            RuntimeError: this process has used it before, and it is too late.
        """
        ...

    def compiled(self, model: Any, optimizer: Any, loss: Loss) -> Steps:
        """The steps of a model of fixed input shape with an `optimizers.Course`.

        The numbers of a trial are variables, so that all trials of one shape share what is
        compiled here.
        """
        ...
