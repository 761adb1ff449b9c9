"""A network in Keras and its compiled epoch; importing this module imports Keras.

A program knows shapes only. Numbers are variables, so that all trials of one recipe, and all
pieces of a trial, share what is compiled, which takes longer than many an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras import ops

from hpsearch.nn.architecture import layers as cut
from hpsearch.nn.architecture import statistics as cut_statistics
from hpsearch.nn.training import Constants, Recipe
from hpsearch.nn.types import Array
from hpsearch.trainers.keras.frameworks import FRAMEWORKS
from hpsearch.trainers.keras.layers import BatchNorm, Dropout, activation
from hpsearch.trainers.keras.optimizers import CONSTANTS, Course

PIECE = 16_777_216
"""Numbers of training data that are copied in order at a time: 64 MB in float32."""


@lru_cache(maxsize=8)  # a trial that goes on at its next rung may find its program here
def program(recipe: Recipe) -> Program:
    """The program of a recipe, made once while it is among the last few used."""
    return Program(recipe)


def loss(logits: Any, y: Any, weights: Any) -> Any:
    """The mean cross-entropy of a mini-batch, each row's weighed."""
    each = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    return ops.mean(weights * each)


class Program:
    """A Keras model, its optimizer, and the steps of both as the framework compiles them."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        shape = recipe.architecture
        stack: list[Any] = [keras.Input(batch_shape=(recipe.batch_size, shape.units[0]))]
        self._norms: list[Any] = []
        self._drops: list[Any] = []
        for units in shape.hidden:
            stack.append(keras.layers.Dense(units, use_bias=not shape.batch_norm))
            if shape.batch_norm:
                self._norms.append(BatchNorm())
                stack.append(self._norms[-1])
            stack.append(activation(shape.activation))
            if recipe.dropout:
                self._drops.append(Dropout())
                stack.append(self._drops[-1])
        stack.append(keras.layers.Dense(shape.units[-1]))
        self.model = keras.Sequential(stack)
        self.optimizer = Course(recipe.optimizer, l2=recipe.l2)
        self.optimizer.build(self.model.trainable_variables)
        framework = FRAMEWORKS[keras.backend.backend()]
        self._steps = framework.compiled(self.model, self.optimizer, loss)

    def load(self, params: Array, moments: Array, statistics: Array) -> None:
        """Take up a trial's flat arrays, as `nn.training.Snapshot` has them."""
        self._set(self.model.trainable_variables, params)
        for variables, flat in zip(self.optimizer.moments, moments, strict=True):
            self._set(variables, flat)
        found = cut_statistics(statistics[None], self.recipe.architecture)
        for norm, (mean, variance) in zip(self._norms, found, strict=True):
            norm.mean.assign(mean[0, 0])
            norm.variance.assign(variance[0, 0])

    def unload(self) -> tuple[Array, Array, Array]:
        """The trial's flat arrays: parameters, moments, batch norm's sums."""
        params = self._flat(self.model.trainable_variables)
        moments = [self._flat(variables) for variables in self.optimizer.moments]
        sums = np.zeros(self.recipe.architecture.statistics, np.float32)
        found = cut_statistics(sums[None], self.recipe.architecture)
        for norm, (mean, variance) in zip(self._norms, found, strict=True):
            mean[...] = ops.convert_to_numpy(norm.mean)
            variance[...] = ops.convert_to_numpy(norm.variance)
        return params, np.array(moments, np.float32).reshape(len(moments), params.size), sums

    def set(self, constants: Constants, update: Mapping[str, float], decay: float) -> None:
        """Set what a trial has for itself; `update` has optimizers.CONSTANTS by name."""
        for name in CONSTANTS:
            getattr(self.optimizer, name).assign(update[name])
        for norm in self._norms:
            norm.epsilon.assign(constants.batch_norm_epsilon)
            norm.decay.assign(decay)
        for drop in self._drops:
            drop.rate.assign(constants.dropout)

    def seed(self, generator: np.random.Generator) -> None:
        """Begin dropout's masks of an epoch."""
        for drop in self._drops:
            # 31 bits: the framework stores seeds as unsigned 32-bit numbers at most
            drop.generator.state.assign(generator.integers(2**31, size=2))

    def forget(self) -> None:
        """Begin batch norm's sums anew."""
        for norm in self._norms:
            for variable in (norm.mean, norm.variance):
                variable.assign(ops.zeros(variable.shape))

    def epoch(self, X: Array, y: Array, weights: Array | None, order: Array, plan: Array) -> float:
        """Train on mini-batches of rows in this order and sum their losses.

        Args:
            X: (rows, features), all training rows.
            y: (rows,), class indices.
            weights: (classes,) in the loss, or None.
            order: (steps, batch size), indices of rows.
            plan: (steps, 3), the scalars of `optimizers.PER_STEP`.
        """
        most = max(1, PIECE // (order.shape[1] * X.shape[1]))
        total = 0.0
        for first in range(0, len(order), most):
            rows = order[first : first + most]
            labels = y[rows]
            each = np.ones(rows.shape, np.float32) if weights is None else weights[labels]
            losses = self._steps(
                X[rows], labels.astype(np.int32), each, plan[first : first + most]
            )
            total += float(np.sum(losses, dtype=np.float64))
        return total

    def _views(self, flat: Array) -> list[Array]:
        """Parts of a flat array in the order of Keras's variables: W, gamma, shift or W, b."""
        views = []
        for layer in cut(flat[None], self.recipe.architecture):
            views += [layer.W[0]] + [v[0, 0] for v in (layer.gamma, layer.shift) if v is not None]
        return views

    def _set(self, variables: Any, flat: Array) -> None:
        for variable, value in zip(variables, self._views(flat), strict=True):
            variable.assign(value)

    def _flat(self, variables: Any) -> Array:
        flat = np.empty(self.recipe.architecture.parameters, np.float32)
        for variable, view in zip(variables, self._views(flat), strict=True):
            view[...] = ops.convert_to_numpy(variable)
        return flat
