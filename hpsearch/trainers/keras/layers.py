"""The layers whose training differs from Keras's own; importing this module imports Keras.

Their constants are variables, so that a compiled program serves every trial of one shape.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def _scalar(layer: Any, name: str) -> Any:
    """A constant of a trial, set before it trains."""
    return layer.add_weight(shape=(), initializer="zeros", trainable=False, name=name)


class BatchNorm(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Batch norm whose sums of batch means and variances are hpsearch's, see `nn.batch_norm`.

    Keras's own averages start at 0 and 1 and keep that start. Here `mean` and `variance` are
    undivided sums, decay * sum + batch; with a decay of 1 they become a plain mean.
    """

    def build(self, shape: Any) -> None:
        """Make gamma and shift, the sums, and the constants `epsilon` and `decay`."""
        units = (shape[-1],)
        self.gamma = self.add_weight(shape=units, initializer="ones", name="gamma")
        self.shift = self.add_weight(shape=units, initializer="zeros", name="shift")
        self.mean, self.variance = (
            self.add_weight(shape=units, initializer="zeros", trainable=False, name=name)
            for name in ("mean", "variance")
        )
        self.epsilon, self.decay = (_scalar(self, name) for name in ("epsilon", "decay"))

    def call(self, Z: Any) -> Any:
        """Standardise over the mini-batch and rescale; the biased variance, as in the paper."""
        mean = ops.mean(Z, axis=0)
        centred = Z - mean  # not ops.moments, whose variance is a difference of squares in PyTorch
        variance = ops.mean(ops.square(centred), axis=0)
        self.mean.assign(self.decay * self.mean + mean)
        self.variance.assign(self.decay * self.variance + variance)
        return self.gamma * centred * ops.rsqrt(variance + self.epsilon) + self.shift


class Dropout(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Inverted dropout of a variable rate; its masks follow from a seed set each epoch."""

    def build(self, _shape: Any) -> None:
        """Make the constant `rate` and the generator of masks."""
        self.rate = _scalar(self, "rate")
        self.generator = keras.random.SeedGenerator(0)

    def call(self, A: Any) -> Any:
        """Drop units and scale up the others."""
        kept = keras.random.uniform(ops.shape(A), seed=self.generator) >= self.rate
        return A * ops.cast(kept, A.dtype) / (1 - self.rate)


def activation(name: str) -> Any:
    """The Keras layer of an activation that `nn.activations` names."""
    if name == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.01)
    if name == "gelu":
        return Gelu()
    return keras.layers.Activation(name)


@keras.saving.register_keras_serializable("hpsearch")
class Gelu(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Gelu by its usual approximation with tanh, as `nn.activations` has it."""

    def call(self, U: Any) -> Any:
        """Apply it."""
        return keras.activations.gelu(U, approximate=True)
