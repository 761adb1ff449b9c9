"""The updates of `nn.optimizers` as a Keras optimizer; importing this module imports Keras.

Keras's own differ: its SGD keeps the learning rate in the velocity, its RMSprop adds epsilon
inside the root, its Adam before the bias correction.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hpsearch.nn.optimizers import OPTIMIZERS

CONSTANTS = ("beta", "one_minus_beta", "beta2", "one_minus_beta2", "l2")
"""Scalars of `nn.optimizers.coefficients` that a trial keeps, and l2."""

PER_STEP = ("alpha", "epsilon", "shrink")
"""Those that change from step to step, in the order of the variable `per_step`."""


class Course(keras.optimizers.Optimizer):  # type: ignore[misc] # Keras has no types
    """One of hpsearch's update rules, with the scalars of `nn.optimizers.coefficients`.

    The bias correction of Adam is in alpha and epsilon; its moments are undivided sums.
    """

    def __init__(self, rule: str, *, l2: bool):
        super().__init__(learning_rate=0.0, name=rule)
        self.rule = OPTIMIZERS[rule]
        self.regularised = l2

    def build(self, variables: Any) -> None:
        """Make the moments, one list a moment, and the variables that hold the scalars."""
        super().build(variables)
        for name in CONSTANTS:
            setattr(self, name, self.add_variable((), name=name, initializer="zeros"))
        self.per_step = self.add_variable((len(PER_STEP),), name="per_step", initializer="zeros")
        self.moments = [
            [self.add_variable_from_reference(v, name=f"moment_{i}") for v in variables]
            for i in range(self.rule.moments)
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:  # noqa: ARG002
        """One step of one variable; alpha stands for Keras's learning rate."""
        alpha, epsilon, shrink = (self.per_step[place] for place in range(len(PER_STEP)))
        weights = self.regularised and len(variable.shape) == 2  # l2 is for weights only
        if weights and self.rule.decoupled:
            variable.assign(variable * shrink)
        elif weights:
            gradient = gradient + self.l2 * variable
        moments = [each[self._get_variable_index(variable)] for each in self.moments]
        variable.assign_sub(self._step(gradient, moments, alpha, epsilon))

    def _step(self, dW: Any, moments: list[Any], alpha: Any, epsilon: Any) -> Any:
        name = self.rule.name
        if name == "sgd":
            return alpha * dW
        if name == "momentum":
            (v,) = moments
            v.assign(self.beta * v + self.one_minus_beta * dW)
            return alpha * v
        if name == "rmsprop":
            (s,) = moments
            s.assign(self.beta2 * s + self.one_minus_beta2 * ops.square(dW))
            return alpha * dW / (ops.sqrt(s) + epsilon)
        v, s = moments
        v.assign(self.beta * v + dW)
        s.assign(self.beta2 * s + ops.square(dW))
        return alpha * v / (ops.sqrt(s) + epsilon)
